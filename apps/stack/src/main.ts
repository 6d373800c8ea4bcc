import { readStackConfig } from './stack.config.js';
import { type Stop, toStop } from './stop.js';
import { announce, announceJson } from './supervisor/announce.js';
import { Stack } from './supervisor/stack.js';

const json = process.argv.includes('--json');

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(): Promise<void> {
  const stack = new Stack(readStackConfig(), say, (stop) => void end(stack, stop));
  // npm and a terminal may both send the same signal: only the first counts.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(stack));
  try {
    const running = await stack.start();
    process.stdout.write(json ? announceJson(running) : announce(running));
  } catch (error) {
    await end(stack, toStop(error));
  }
}

let ending = false;

async function end(stack: Stack, stop?: Stop): Promise<void> {
  if (ending) return;
  ending = true;
  if (stop !== undefined) say(stop.message);
  await stack.stop();
  process.exit(stop?.exitCode ?? 0);
}

try {
  // A reader of standard output that went away is no reason to stop.
  process.stdout.on('error', () => undefined);
  await main();
} catch (error) {
  const { exitCode, message } = toStop(error);
  say(message);
  process.exitCode = exitCode;
}
