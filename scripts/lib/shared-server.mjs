import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { spawn } from 'node:child_process';

/**
 * A server of several processes that test runs share: started by the first that wants it, ended by the last that
 * lets go of it. Who wants it is a process id; one that has died counts no more.
 */
export class SharedServer {
  #stateFile;
  #lockFile;

  constructor(home) {
    this.home = home;
    mkdirSync(home, { recursive: true });
    this.#stateFile = join(home, 'state.json');
    this.#lockFile = join(home, 'lock');
  }

  /** True where it was started for processes that have all died since. */
  get isOrphan() {
    const { state } = this;
    return state !== undefined && Object.keys(state.pids).length > 0 && livingLeases(state).length === 0;
  }

  /** What is known of the server: ports, folders, `pids` of its processes, `leases` of its users. */
  get state() {
    if (!existsSync(this.#stateFile)) return undefined;
    return { pids: {}, leases: [], ...JSON.parse(readFileSync(this.#stateFile, 'utf8')) };
  }

  save(state) {
    writeFileSync(`${this.#stateFile}.new`, JSON.stringify(state));
    renameSync(`${this.#stateFile}.new`, this.#stateFile);
  }

  /** One command at a time works on the server; a lock whose holder died is taken over. */
  async alone(work) {
    while (!this.#take()) await wait(100);
    try {
      return await work();
    } finally {
      rmSync(this.#lockFile, { force: true });
    }
  }

  /** @param user process id of whoever wants the server, or `kept` for one that stays until it is stopped by hand */
  lease(user) {
    const state = this.state;
    const others = livingLeases(state).filter((lease) => lease.user !== user);
    this.save({ ...state, leases: [...others, { user, born: bornAt(user) }] });
  }

  /** True where nobody wants the server any more. */
  release(user) {
    const state = this.state;
    if (state === undefined) return false;
    const leases = livingLeases(state).filter((lease) => lease.user !== user);
    this.save({ ...state, leases });
    return leases.length === 0;
  }

  /** Starts a process that outlives this one, and notes it. */
  daemon(name, program, args, options) {
    mkdirSync(join(this.home, 'log'), { recursive: true });
    const log = openSync(join(this.home, `log/${name}.out`), 'a');
    const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    child.unref();
    const state = this.state;
    this.save({ ...state, pids: { ...state.pids, [name]: { pid: child.pid, program } } });
  }

  /** Whether the noted process of that name runs. */
  runs(name) {
    const noted = this.state?.pids[name];
    return noted !== undefined && isRunning(noted.pid, noted.program);
  }

  /** Ends the noted processes, newest first; a number that another program has by now is left alone. */
  async end(signal = 'SIGTERM') {
    const state = this.state;
    if (state === undefined) return;
    for (const { pid, program } of Object.values(state.pids).toReversed()) {
      for (let tick = 0; isRunning(pid, program) && tick < 300; tick += 1) {
        // Ten seconds to end in order.
        if (tick % 200 === 0) process.kill(pid, tick === 0 ? signal : 'SIGKILL');
        await wait(50);
      }
    }
    this.save({ ...this.state, pids: {} });
  }

  #take() {
    try {
      writeFileSync(this.#lockFile, JSON.stringify({ user: process.pid, born: bornAt(process.pid) }), {
        flag: 'wx',
      });
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (isHeld(this.#lockFile)) return false;
      rmSync(this.#lockFile, { force: true });
      return false;
    }
  }
}

/** Polls until `isDone` gives anything but false; its last error goes into the failure. */
export async function until(what, isDone, seconds = 60) {
  let last;
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await wait(100)) {
    try {
      if ((await isDone()) !== false) return;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`${what} did not come up within ${seconds} s: ${last?.message ?? ''}`);
}

export async function isFree(port) {
  const server = createServer();
  try {
    await new Promise((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function livingLeases(state) {
  return (state?.leases ?? []).filter(({ user, born }) => user === 'kept' || bornAt(user) === born);
}

function isHeld(lockFile) {
  try {
    const { user, born } = JSON.parse(readFileSync(lockFile, 'utf8'));
    return bornAt(user) === born;
  } catch {
    // Being written or just gone: look again.
    return true;
  }
}

/** When a process began, in ticks since boot: with its number it names a process for good. Undefined once it is gone. */
function bornAt(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function isRunning(pid, program) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const isZombie = stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
    return !isZombie && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(program);
  } catch {
    return false;
  }
}
