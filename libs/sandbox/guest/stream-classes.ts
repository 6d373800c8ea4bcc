import * as ponyfill from 'web-streams-polyfill';
import type { ReadableStream, ReadableStreamDefaultReader, WritableStream } from 'web-streams-polyfill';

export type { ReadableStream, WritableStream };

/**
 * Streams that something was read from. The standard keeps this flag inside the stream and the library does not
 * show it, so that readers are watched: locking alone does not disturb.
 */
const disturbed = new WeakSet<object>();

const { ReadableStream: Stream, ReadableStreamDefaultReader: Reader } = ponyfill;
const { read } = Reader.prototype;
const { getReader, cancel } = Stream.prototype;
const streamOfReader = new WeakMap<object, object>();

Stream.prototype.getReader = function (this: ReadableStream, ...args: []) {
  const reader = Reflect.apply(getReader, this, args) as ReadableStreamDefaultReader;
  streamOfReader.set(reader, this);
  return reader;
} as typeof getReader;

Reader.prototype.read = function (this: ReadableStreamDefaultReader) {
  const stream = streamOfReader.get(this);
  if (stream !== undefined) disturbed.add(stream);
  return Reflect.apply(read, this, []);
};

Stream.prototype.cancel = function (this: ReadableStream, reason?: unknown) {
  if (this instanceof Stream) disturbed.add(this);
  return Reflect.apply(cancel, this, [reason]);
};

for (const [name, value] of Object.entries({
  getReader: Stream.prototype.getReader,
  cancel: Stream.prototype.cancel,
  read: Reader.prototype.read,
})) {
  Object.defineProperty(value, 'name', { value: name, configurable: true });
  Object.defineProperty(value, 'length', { value: 0, configurable: true });
}
for (const [name, value] of Object.entries(ponyfill)) {
  Object.defineProperty(value, 'name', { value: name, configurable: true });
}

/** The library makes an iterator's prototype without the one of the language above it. */
const asyncIterators = Object.getPrototypeOf(
  // oxlint-disable-next-line require-yield -- asked for its prototype only
  Object.getPrototypeOf(async function* () {}).prototype,
) as object;
Object.setPrototypeOf(Object.getPrototypeOf(new Stream().values()) as object, asyncIterators);

export const classes = ponyfill;

export function isDisturbed(stream: object): boolean {
  return disturbed.has(stream);
}

/** Locks the stream for good, by what guest code cannot have changed; it counts as read. */
export function seize(stream: ReadableStream): void {
  Reflect.apply(getReader, stream, []);
  disturbed.add(stream);
}
