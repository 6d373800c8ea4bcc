import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { root } from './paths.mjs';

/**
 * Runs a program in the repository and waits for it.
 *
 * `output: 'inherit'` shows what it prints, `'stderr'` shows it on standard error, `'hold'` gives it back.
 * The program gets the signals that come to this one, so that none stays behind.
 */
export async function run(file, args, { env = process.env, cwd = root, output = 'stderr' } = {}) {
  const stdio = { inherit: 'inherit', stderr: ['ignore', 2, 2], hold: ['ignore', 'pipe', 'pipe'] }[output];
  const child = spawn(file, args, { cwd, env, stdio, windowsHide: true });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part) => (text += part));
  const release = followSignals(child);
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => resolve(exitCode ?? 128 + constants.signals[signal]));
    });
    return { code, text };
  } finally {
    release();
  }
}

/** Runs a script with the Node of this process. */
export function runNode(args, options) {
  return run(process.execPath, args, options);
}

/**
 * Hands SIGINT and SIGTERM on to a child, and ends it when the parent of this process goes away.
 * A terminal sends Ctrl-C to the whole group: the child then has it already, and a second one does no harm to it.
 */
function followSignals(child) {
  const handOn = (signal) => child.kill(signal);
  process.on('SIGINT', handOn);
  process.on('SIGTERM', handOn);
  const forget = onOrphaned(() => child.kill('SIGTERM'));
  return () => {
    process.off('SIGINT', handOn);
    process.off('SIGTERM', handOn);
    forget();
  };
}

/** Calls back once when the parent process has died (`kill -9` of npm or of a wrapper sends nobody a signal). */
export function onOrphaned(callback) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
  return () => clearInterval(timer);
}
