import { spawn } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './paths.mjs';
import { SharedServer } from './shared-server.mjs';

/**
 * The command line of a server that tests share:
 *
 *   start [--for <process id>] [--home <folder>]   prints the address
 *   stop  [--for <process id>] [--home <folder>]   ends it when nobody else wants it
 *   run <command>                                  starts it, runs the command with `variable` set, lets go of it
 *
 * With `--home` it is a server of one's own, with data that `stop` leaves there.
 *
 * @param start gets the `SharedServer` and makes it run; gives its address
 * @param clean after the end of a shared one: removes what need not stay
 */
export async function serverCommand({ name, variable, start, clean = () => undefined }) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    args: splitAtRun(process.argv.slice(2)).own,
    options: { for: { type: 'string' }, home: { type: 'string' }, signal: { type: 'string' } },
  });
  const stateDir = process.env.PROXYLET_STATE_DIR || join(root, 'var');
  const server = new SharedServer(values.home ?? join(stateDir, name));
  const isOwn = values.home !== undefined;
  const stop = (who) => stopFor(server, who, values.signal, isOwn ? () => undefined : clean);
  const user = values.for === undefined ? 'kept' : Number(values.for);
  const { command } = splitAtRun(process.argv.slice(2));
  try {
    if (positionals[0] === 'start') {
      if (isOwn) await endOrphans(server, clean);
      process.stdout.write(`${await startFor(server, user, start, isOwn)}\n`);
    } else if (positionals[0] === 'stop') {
      await stop(user);
    } else if (positionals[0] === 'run' && command.length > 0) {
      const address = await startFor(server, process.pid, start, isOwn);
      try {
        process.exitCode = await run(command, { ...process.env, [variable]: address });
      } finally {
        await stop(process.pid);
      }
    } else {
      throw new Error(`usage: node scripts/${name}.mjs start | stop | run <command> [argument …]`);
    }
  } catch (error) {
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exitCode = 1;
  }
}

async function startFor(server, user, start, isOwn) {
  return await server.alone(async () => {
    const address = await start(server, { isOwn });
    server.lease(user);
    return address;
  });
}

async function stopFor(server, user, signal, clean) {
  await server.alone(async () => {
    if (!server.release(user)) return;
    await server.end(signal);
    clean(server);
  });
}

/** Servers of somebody's own, beside this one, whose owner was killed before it could end them. */
async function endOrphans({ home }, clean) {
  const [kind] = /^own-[a-z]+-/.exec(basename(home)) ?? [];
  if (kind === undefined) return;
  for (const name of readdirSync(dirname(home)).filter((each) => each.startsWith(kind))) {
    const other = new SharedServer(join(dirname(home), name));
    // A kill in a test leaves nothing that runs; a lock file is of one that is being started or ended.
    if (!other.isOrphan || existsSync(join(other.home, 'lock'))) continue;
    await other.end('SIGKILL');
    clean(other);
    rmSync(other.home, { recursive: true, force: true });
  }
}

/** What comes after `run` belongs to the command. */
function splitAtRun(args) {
  const at = args.indexOf('run');
  return at < 0 ? { own: args, command: [] } : { own: args.slice(0, at + 1), command: args.slice(at + 1) };
}

function run([command, ...args], env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: 'inherit' });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}
