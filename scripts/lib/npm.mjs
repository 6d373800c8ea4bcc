import { delimiter } from 'node:path';
import { run } from './command.mjs';
import { toolFolder } from './paths.mjs';
import { exitCodes, Stop } from './report.mjs';

const networkCodes =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ERR_SOCKET_TIMEOUT|EHOSTUNREACH|ENETUNREACH|EIDLETIMEOUT|FETCH_ERROR|E404|E5\d\d|E401|E403|UNABLE_TO_[A-Z_]+|SELF_SIGNED_CERT[A-Z_]*|CERT_[A-Z_]+|DEPTH_ZERO_[A-Z_]+)\b/;

/**
 * Runs npm quietly; what it says is shown only when it fails.
 *
 * @throws Stop 68 when the registry cannot be reached, 73 when the folder cannot be written, 70 on any other failure
 */
export async function npm(args, { cwd, purpose }) {
  const [file, ...first] = npmCommand();
  const quiet = [
    '--loglevel=error',
    '--fetch-retries=1',
    '--fetch-retry-mintimeout=1000',
    '--no-audit',
    '--no-fund',
    '--no-progress',
    '--ignore-scripts',
  ];
  const { code, text } = await run(file, [...first, ...args, ...quiet], {
    cwd,
    env: npmEnvironment(),
    output: 'hold',
  });
  if (code === 0) return;
  const lines = text.trim().split('\n').slice(0, 12).join('\n');
  const cause = networkCodes.exec(text)?.[1];
  // npm's usage follows some of its faults: the first lines are the fault.
  if (cause !== undefined) {
    throw new Stop(
      exitCodes.noRegistry,
      `The npm registry did not give what is needed to ${purpose} (${cause}): check the network and \`npm config get registry\`, then run the same command again.`,
    );
  }
  if (/\b(EACCES|EROFS|EPERM|ENOSPC)\b/.test(text)) {
    throw new Stop(
      exitCodes.cannotCreate,
      `npm cannot write what is needed to ${purpose}: check the rights and the free space of ${cwd}.`,
    );
  }
  throw new Stop(
    exitCodes.internal,
    `${lines}\nnpm failed to ${purpose} (exit code ${code}): its words are above.`,
  );
}

/**
 * The npm that started this script, else the one in PATH; always under its own Node, not the one brought here: npm
 * finds its system-wide settings (proxy, certificates, registry) by the place of the Node that runs it.
 */
function npmCommand() {
  const { npm_execpath: npmFile, npm_node_execpath: node } = process.env;
  if (node !== undefined && npmFile !== undefined && /npm-cli\.c?js$/.test(npmFile)) return [node, npmFile];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
}

/** Without what an outer `npm run` says about its own package: it would send this npm to the wrong folder. */
function npmEnvironment() {
  const inherited =
    /^npm_(package_|lifecycle_|config_(local_prefix|prefix|global_prefix|global|workspace|workspaces|loglevel|json)$)/;
  const kept = Object.entries(process.env).filter(([name]) => !inherited.test(name));
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.startsWith(toolFolder));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}
