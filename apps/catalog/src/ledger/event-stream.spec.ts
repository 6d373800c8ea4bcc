import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EventStream } from './event-stream.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a stream needs of an answer, with a reader that takes nothing or something. */
function answer() {
  const state = { writableNeedDrain: false, destroyed: false };
  const response = Object.assign(new EventEmitter(), {
    writeHead: () => undefined,
    write: () => !state.writableNeedDrain,
    end: () => undefined,
    destroy: () => {
      state.destroyed = true;
    },
  });
  Object.defineProperty(response, 'writableNeedDrain', { get: () => state.writableNeedDrain });
  return { state, response, stream: new EventStream(response as unknown as ServerResponse) };
}

it('lets a reader go that takes nothing from one beat to the next', () => {
  const { state, stream } = answer();
  state.writableNeedDrain = true;
  vi.advanceTimersByTime(15_000);
  expect(state.destroyed).toBe(false);
  vi.advanceTimersByTime(15_000);
  expect(state.destroyed).toBe(true);
  stream.end();
});

it('keeps a reader that is slow and takes something', () => {
  const { state, response, stream } = answer();
  state.writableNeedDrain = true;
  for (let beat = 0; beat < 6; beat += 1) {
    vi.advanceTimersByTime(15_000);
    response.emit('drain');
  }
  expect(state.destroyed).toBe(false);
  stream.end();
});
