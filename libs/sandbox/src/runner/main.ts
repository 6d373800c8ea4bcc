import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { FrameReader, toEngine, writeParts } from '../wire/frames.js';
import { Output } from './output.js';
import { Prelude } from './prelude.js';
import { Runner } from './runner.js';

/**
 * Entry of a runner process: `node … runner.cjs <prelude> <native module> [wasm]`. Descriptor 3 is the socket pair
 * to the engine, descriptor 4 a file that holds the key of the guest that runs now. There is no other way in or out.
 */
const enginePipe = 3;
const markFile = 4;

const preludePath = process.argv[2];
if (preludePath === undefined) throw new Error('the path of the prelude is missing');

const socket = new Socket({ fd: enginePipe, readable: true, writable: true });
const output = new Output((parts) => writeParts(socket, parts));

const markBytes = Buffer.alloc(4);
let marked = 0;

/** Written only when another guest gets the CPU: a call after a call of the same guest costs nothing. */
function mark(key: number): void {
  if (key === marked) return;
  marked = key;
  markBytes.writeUInt32LE(key);
  writeSync(markFile, markBytes, 0, 4, 0);
}

const runner = new Runner(output, Prelude.read(preludePath), mark, process.argv[4] === 'wasm');
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
