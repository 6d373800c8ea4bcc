import type * as ponyfill from 'web-streams-polyfill';
import type { ReadableStream, WritableStream } from 'web-streams-polyfill';
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
