import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { FrameReader, toEngine, writeParts } from '../wire/frames.js';
import type { RunnerSettings } from '../wire/runner-settings.js';
import { Marks } from './marks.js';
import { Output } from './output.js';
import { Prelude } from './prelude.js';
import { Runner } from './runner.js';

/**
 * Entry of a runner process: `node … runner.cjs <prelude> <native module> <settings>`. Descriptor 3 is the socket pair
 * to the engine, descriptor 4 a file that holds the key of the guest that runs now. There is no other way in or out.
 */
const enginePipe = 3;
const markFile = 4;

const preludePath = process.argv[2];
if (preludePath === undefined) throw new Error('the path of the prelude is missing');

const socket = new Socket({ fd: enginePipe, readable: true, writable: true });
const output = new Output((parts) => writeParts(socket, parts));

const settings = JSON.parse(process.argv[4] ?? '{}') as RunnerSettings;
const runner = new Runner(output, Prelude.read(preludePath), new Marks(markFile), settings);
const reader = new FrameReader((frame) => runner.handle(frame));

/** A runner does not outlive its engine, and never runs exit handlers: pool threads may hang (isolates.md R5). */
function end(): void {
  closeSync(markFile);
  process.kill(process.pid, 'SIGKILL');
}

socket.on('data', (data: Buffer) => {
  output.batch(() => reader.push(data));
});
socket.on('close', end);
socket.on('error', end);
process.on('uncaughtException', (error) => {
  process.stderr.write(`runner: ${error.stack ?? error.message}\n`);
  end();
});
output.batch(() => output.frame(toEngine.ready, process.pid));
runner.prepare().catch((error: unknown) => {
  process.stderr.write(`runner: ${String(error)}\n`);
  end();
});
