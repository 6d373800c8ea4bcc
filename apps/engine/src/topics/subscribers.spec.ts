import { Problem } from '@proxylet/contract';
import type { GuestEvent } from '@proxylet/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Active } from '../installations/active.js';
import { MemoryBus } from './memory-bus.js';
import { realmOf } from './realms.js';
import { Subscribers } from './subscribers.js';
import type { BusMessage } from './topic-bus.js';

interface Open {
  readonly id: string;
  readonly end: (problem?: Problem) => void;
}

let bus: MemoryBus;
let heard: string[];
let open: Open[];
let logged: string[];
let nowMs: number;
let sut: Subscribers;
beforeEach(() => {
  bus = new MemoryBus();
  heard = [];
  open = [];
  logged = [];
  nowMs = 1_000_000;
  sut = make();
});
afterEach(() => sut[Symbol.dispose]());

function make(more: { messages?: number; bytes?: number; concurrency?: number } = {}): Subscribers {
  const { messages = 4, bytes = 100, concurrency = 10 } = more;
  return new Subscribers({
    bus,
    deliver: ({ record }, event) => {
      heard.push(`${record.id} ${textOf(event)}`);
      const { promise, resolve } = Promise.withResolvers<Problem | undefined>();
      open.push({ id: record.id, end: resolve });
      return promise;
    },
    log: (_, level, text) => logged.push(`${level} ${text}`),
    bounds: { messages, bytes },
    concurrency,
    now: () => nowMs,
  });
}

function textOf(event: GuestEvent): string {
  return event.kind === 'message' ? `${event.topic}=${Buffer.from(event.bytes).toString()}` : event.kind;
}

function listening(id: string, owner: string, subscribe: readonly string[]): Active {
  return {
    record: { id, owner: { key: owner }, granted: { topics: { subscribe, publish: [] } } },
  } as unknown as Active;
}

const publish = (owner: string, topic: string, text = '1'): Promise<void> =>
  bus.publish({
    subject: `${realmOf(owner)}.${topic}`,
    id: text,
    publishedMs: 0,
    publisher: undefined,
    contentType: 'text/plain',
    depth: 0,
    chain: [],
    traceId: '',
    bytes: Buffer.from(text),
  } satisfies BusMessage);

/** Ends what is under way, and what that makes room for. */
async function endAll(problem?: Problem): Promise<void> {
  while (open.length > 0) {
    for (const one of open.splice(0)) one.end(problem);
    await new Promise((done) => setImmediate(done));
  }
}

test('a user hears the own realm and what shared proxylets send, and no other user does', async () => {
  sut.change(
    [listening('a', 'alice', ['>']), listening('b', 'bob', ['>']), listening('s', 'shared', ['>'])],
    [],
  );
  await publish('alice', 'x', 'of-alice');
  await publish('shared', 'x', 'of-all');
  await endAll();
  expect(heard.toSorted((p, q) => p.localeCompare(q))).toEqual([
    'a x=of-alice',
    'a x=of-all',
    'b x=of-all',
    's x=of-all',
  ]);
});

test('messages are handled one after the other, in the order they came', async () => {
  sut.change([listening('a', 'alice', ['t.>'])], []);
  for (const text of ['1', '2', '3']) await publish('alice', 't.x', text);
  expect(heard).toEqual(['a t.x=1']);
  await endAll();
  expect(heard).toEqual(['a t.x=1', 'a t.x=2', 'a t.x=3']);
  expect(sut.counts).toEqual({ delivered: 3, failed: 0, dropped: 0 });
});

test('of what is too much the oldest go, the log is told, and others hear everything', async () => {
  sut.change([listening('a', 'alice', ['t']), listening('b', 'alice', ['t'])], []);
  for (let n = 0; n < 10; n += 1) {
    await publish('alice', 't', String(n));
    for (const one of open.splice(0))
      if (one.id === 'b') one.end();
      else open.push(one);
    await new Promise((done) => setImmediate(done));
  }
  expect(heard.filter((line) => line.startsWith('b'))).toHaveLength(10);
  await endAll();
  expect(heard.filter((line) => line.startsWith('a'))).toEqual(['a t=0', 'a t=6', 'a t=7', 'a t=8', 'a t=9']);
  expect(logged).toEqual(['warn Messages come faster than they are handled: 1 were dropped.']);
  expect(sut.counts.dropped).toBe(5);
});

test('large messages are bounded by their bytes', async () => {
  sut.change([listening('a', 'alice', ['t'])], []);
  for (let n = 0; n < 4; n += 1) await publish('alice', 't', String(n).repeat(60));
  await endAll();
  expect(heard).toEqual([`a t=${'0'.repeat(60)}`, `a t=${'3'.repeat(60)}`]);
});

test('no more are handled at once than the engine allows, and everybody gets a turn', async () => {
  sut[Symbol.dispose]();
  sut = make({ concurrency: 1 });
  sut.change([listening('a', 'alice', ['t']), listening('b', 'alice', ['t'])], []);
  for (const text of ['1', '2']) await publish('alice', 't', text);
  expect(heard).toEqual(['a t=1']);
  await endAll();
  expect(heard).toEqual(['a t=1', 'b t=1', 'a t=2', 'b t=2']);
});

test('a failure is told with its code and keeps nothing from coming', async () => {
  sut.change([listening('a', 'alice', ['t'])], []);
  await publish('alice', 't');
  await endAll(new Problem('cpu-limit', 'It computed for too long.'));
  await publish('alice', 't', '2');
  await endAll();
  expect(logged).toEqual(['error The message 1 of t ended with cpu-limit: It computed for too long.']);
  expect(sut.counts).toEqual({ delivered: 1, failed: 1, dropped: 0 });
});

test('an update keeps what waits; a grant that is taken back, or a removal, ends it', async () => {
  sut.change([listening('a', 'alice', ['t'])], []);
  for (const text of ['1', '2']) await publish('alice', 't', text);
  sut.change([listening('a', 'alice', ['t'])], []);
  await endAll();
  expect(heard).toEqual(['a t=1', 'a t=2']);
  sut.change([listening('a', 'alice', [])], []);
  await publish('alice', 't', '3');
  sut.change([listening('a', 'alice', ['t'])], []);
  sut.change([], [listening('a', 'alice', ['t'])]);
  await publish('alice', 't', '4');
  await endAll();
  expect(heard).toHaveLength(2);
});
