import type * as ponyfill from 'web-streams-polyfill';
import type { ReadableStream, WritableStream } from 'web-streams-polyfill';
import type { BodyFrom } from './host.js';
import { segments } from './segments.js';

export type { ReadableStream, WritableStream };

/** The classes of the standard; their code runs when somebody first asks for one. */
export function streams(): typeof ponyfill {
  return segments.streams.get().classes;
}

/** Asks for nothing: where no stream was ever made, nothing is one. */
export function isStream(value: unknown): value is ReadableStream {
  const made = segments.streams.peek();
  return made !== undefined && value instanceof made.classes.ReadableStream;
}

/** Whether something was read from it: locking alone does not disturb. */
export function isDisturbed(stream: ReadableStream): boolean {
  return segments.streams.get().isDisturbed(stream);
}

/** What lies at the engine and enters the isolate only when somebody reads it. */
export interface Remote {
  readonly from: BodyFrom;
  /** The stream was given to another reader, out there; told when that one is done with it. */
  handedOver(done: () => void): void;
}

const remotes = new WeakMap<object, Remote>();

export function markRemote(stream: ReadableStream, remote: Remote): void {
  remotes.set(stream, remote);
}

/** Somebody reads it in here. */
export function enterHere(stream: ReadableStream): void {
  remotes.delete(stream);
}

/** Takes what the stream stands for where nobody has read of it; the stream is then locked for good. */
export function takeRemote(stream: ReadableStream): Remote | undefined {
  const remote = remotes.get(stream);
  if (remote === undefined || stream.locked || isDisturbed(stream)) return undefined;
  remotes.delete(stream);
  segments.streams.get().seize(stream);
  return remote;
}

/** A byte stream of what is at hand. */
export function streamOfBytes(bytes: Uint8Array): ReadableStream {
  const { ReadableStream: Stream } = streams();
  const source = {
    type: 'bytes' as const,
    start(controller: { enqueue(bytes: Uint8Array): void; close(): void }) {
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      controller.close();
    },
  };
  return new Stream(source);
}
