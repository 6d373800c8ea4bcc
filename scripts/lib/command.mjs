import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

/**
 * Calls back once when the process that started this one has died: `kill -9` sends nobody a signal.
 * npm starts its scripts through a shell that outlives it, so there the parent of the parent counts as well.
 */
export function onOrphaned(callback) {
  const parent = process.ppid;
  const starter = starterOf(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && starterOf(parent) === starter) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
  return () => clearInterval(timer);
}

/** The parent of the shell that npm put in between; undefined without npm, or where the system has no /proc. */
function starterOf(shell) {
  if (process.env.npm_lifecycle_event === undefined) return undefined;
  try {
    const stat = readFileSync(`/proc/${shell}/stat`, 'latin1');
    // The name in parentheses may hold blanks: fields are counted from its end.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  } catch {
    return undefined;
  }
}
