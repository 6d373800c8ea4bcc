import { afterEach, expect, it } from 'vitest';
import type { Guest, SandboxOptions } from '../types.js';
import { SandboxFixture } from '../../test/sandbox-fixture.js';

let sut: SandboxFixture;
afterEach(() => sut[Symbol.asyncDispose]());

const evicted: string[] = [];
const start = async (limits: SandboxOptions['limits'], more: Partial<SandboxOptions> = {}): Promise<void> => {
  evicted.length = 0;
  sut = await SandboxFixture.start(
    {},
    { ...more, limits, onEvicted: ({ id }, reason) => evicted.push(`${id} ${reason}`) },
  );
};

const counting = 'let calls = 0; export default { fetch: () => new Response(String((calls += 1))) };';
const isolates = (): number => sut.host.runners().reduce((sum, { isolates: count }) => sum + count, 0);
const count = async (guest: Guest): Promise<string> => (await sut.call(guest)).text;

/** A handler whose first call does the work. */
const firstCall = (work: string): string =>
  `let calls = 0; const after = (ms) => new Promise((r) => setTimeout(r, ms));
   export default { async fetch(request, env, ctx) { calls += 1; if (calls > 1) return new Response(String(calls)); ${work} } };`;

it('drops an isolate that nobody calls, and starts it again with the next call', async () => {
  await start({ isolateIdleMs: 300, tendEveryMs: 50 });
  const guest = sut.guest(counting);
  expect([await count(guest), await count(guest)]).toEqual(['1', '2']);
  await expect.poll(isolates, { timeout: 10_000 }).toBe(0);
  expect(evicted).toEqual([`${guest.id} idle`]);
  expect(await count(guest)).toBe('1');
});

it('keeps an isolate whose call, stream or late work goes on', async () => {
  await start({ isolateIdleMs: 50, tendEveryMs: 20 });
  const slow = sut.guest(firstCall("await after(600); return new Response('slow');"));
  const late = sut.guest(
    firstCall("ctx.waitUntil(after(600).then(() => console.log('late'))); return new Response('soon');"),
  );
  const streaming = sut.guest(
    firstCall(
      `return new Response(new ReadableStream({ async pull(c) { await after(600); c.enqueue(new TextEncoder().encode('stream')); c.close(); } }));`,
    ),
  );
  const answers = await Promise.all([slow, late, streaming].map(count));
  expect(answers).toEqual(['slow', 'soon', 'stream']);
  await expect.poll(() => sut.logs.map(({ text }) => text), { timeout: 10_000 }).toContain('late');
  await expect.poll(isolates, { timeout: 10_000 }).toBe(0);
});

it('replaces an isolate after so many calls without losing one', async () => {
  await start({ isolateCalls: 64, syncAfterCalls: 10 });
  const guest = sut.guest(counting);
  const answers: number[] = [];
  for (let call = 0; call < 200; call += 1) answers.push(Number(await count(guest)));
  expect(Math.max(...answers)).toBeLessThan(100);
  expect(answers.filter((answer) => answer === 1).length).toBeGreaterThan(1);
});

it('replaces an isolate whose heap has filled up', async () => {
  await start({ isolateHeapShare: 0.2, isolateCalls: 1e9, syncAfterCalls: 10 });
  const guest = sut.guest(
    'const kept = []; export default { fetch() { kept.push(new Array(20_000).fill(kept.length)); return new Response(String(kept.length)); } };',
  );
  let largest = 0;
  for (let call = 0; call < 300; call += 1) largest = Math.max(largest, Number(await count(guest)));
  expect(largest).toBeLessThan(200);
});

it('replaces a runner of age while calls go on, and loses none', async () => {
  await start({ runnerAgeMs: 1500, tendEveryMs: 100 });
  const guest = sut.guest(counting);
  const pids = new Set<number>();
  const endMs = performance.now() + 20_000;
  while (pids.size < 3 && performance.now() < endMs) {
    expect((await sut.call(guest, { method: 'POST' })).status).toBe(200);
    for (const { pid, state } of sut.host.runners()) if (state === 'active') pids.add(pid);
  }
  expect(pids.size).toBeGreaterThanOrEqual(3);
  expect(sut.lost).toEqual([]);
});

it('lets work after an answer end before it replaces the runner', async () => {
  await start({ runnerAgeMs: 400, tendEveryMs: 50 });
  const guest = sut.handler(`
    ctx.waitUntil(new Promise((r) => setTimeout(r, 1500)).then(() => console.log('late')));
    return new Response('soon');`);
  expect(await count(guest)).toBe('soon');
  await expect.poll(() => sut.logs.map(({ text }) => text), { timeout: 20_000 }).toContain('late');
  await expect
    .poll(() => sut.host.runners().filter(({ state }) => state === 'draining'), { timeout: 20_000 })
    .toEqual([]);
});

it('takes a guest that computes much to a runner of its own, and leaves its neighbour', async () => {
  await start({ heavyMs: 100 });
  const burn = 'const end = Date.now() + 150; while (Date.now() < end); return new Response(env.CONFIG.x);';
  const heavy = sut.handler(burn, { config: { x: 'heavy' } });
  const light = sut.handler("return new Response('light')");
  for (let call = 0; call < 3; call += 1) expect(await count(heavy)).toBe('heavy');
  await expect
    .poll(
      async () => {
        expect([await count(heavy), await count(light)]).toEqual(['heavy', 'light']);
        return sut.host.runners().map(({ group }) => group);
      },
      { timeout: 30_000 },
    )
    .toEqual(expect.arrayContaining(['test', 'test (heavy)']));
});

it('answers neighbours of the same runner while a guest computes', async () => {
  await start({ heavyMs: 60_000 });
  const light = sut.handler("return new Response('light')");
  for (let call = 0; call < 60; call += 1) await count(light);
  const burning = sut.problem(sut.handler('for (;;);', { limits: { cpuMs: 1500 } }));
  let during = 0;
  const isOver = burning.then(() => true);
  while (!(await Promise.race([isOver, count(light).then(() => false)]))) during += 1;
  expect((await burning).code).toBe('cpu-limit');
  // One that waited for the other would have been answered once.
  expect(during).toBeGreaterThan(10);
  expect(sut.lost).toEqual([]);
});

it('takes more guests one after the other than there is memory for at once', async () => {
  await start({ evictAboveShare: 0.7 }, { runnerMemoryMb: 200 });
  const guests = Array.from({ length: 200 }, () => sut.guest(counting));
  const lane = async (): Promise<void> => {
    for (let guest = guests.pop(); guest !== undefined; guest = guests.pop())
      expect(await count(guest)).toBe('1');
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  expect(sut.lost).toEqual([]);
  expect(evicted.some((line) => line.endsWith('memory'))).toBe(true);
  expect(isolates()).toBeLessThan(150);
});
