import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { CachedHead, CacheQuery, CacheResult } from '@proxylet/sandbox';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CacheStore } from './cache-store.js';

let folder: string;
let file: string;
let nowMs: number;
let begunAnew: number;
let sut: CacheStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'proxylet-cache-'));
  file = join(folder, 'cache.sqlite');
  nowMs = 1_000_000_000;
  begunAnew = 0;
  sut = opened();
});
afterEach(async () => {
  sut[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

function opened(quota = { bytes: 1_000_000, totalBytes: 2_000_000 }): CacheStore {
  return new CacheStore(
    file,
    quota,
    () => (begunAnew += 1),
    () => nowMs,
  );
}

const url = (path: string): string => `https://api.example/${path}`;

function head(path: string, more: Partial<CachedHead> = {}): CachedHead {
  const base = { url: url(path), requestHeaders: [], status: 200, statusText: 'OK', responseUrl: url(path) };
  return { ...base, headers: ['content-type', 'text/plain'], ...more };
}

const put = async (
  path: string,
  body: string | Uint8Array,
  more: Partial<CachedHead> = {},
  space = 's',
  cache = 'c',
) => sut.run(space, { op: 'put', cache, head: head(path, more), body: Buffer.from(body) });

function query(path: string, more: Partial<CacheQuery> = {}): CacheQuery {
  return { cache: 'c', url: url(path), headers: [], ignoreSearch: false, ignoreVary: false, ...more };
}

async function get(path: string, more: Partial<CacheQuery> = {}, space = 's'): Promise<string | undefined> {
  const result = (await sut.run(space, { op: 'match', query: query(path, more) })) as Extract<
    CacheResult,
    { op: 'response' }
  >;
  if (result.entry === undefined) return undefined;
  return (await bytesOf(result.body)).toString();
}

async function bytesOf(body: Uint8Array | Readable | undefined): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const parts: Buffer[] = [];
  for await (const part of body) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

test('gives back what was stored, after a restart too, and replaces it', async () => {
  expect(await get('a')).toBeUndefined();
  await put('a', 'one');
  expect(await get('a')).toBe('one');
  sut[Symbol.dispose]();
  sut = opened();
  expect(await get('a')).toBe('one');
  await put('a', 'two');
  expect(await get('a#part')).toBe('two');
  expect(await sut.run('s', { op: 'find', cache: 'c', query: undefined })).toMatchObject({
    entries: [{ url: url('a'), status: 200 }],
  });
});

test('spaces and caches have nothing in common', async () => {
  await put('a', 'mine');
  expect([await get('a', {}, 'other'), await get('a', { cache: 'd' })]).toEqual([undefined, undefined]);
  expect(await sut.run('other', { op: 'names' })).toEqual({ op: 'names', names: [] });
  const found = await sut.run('s', { op: 'find', cache: 'c', query: undefined });
  const entries = found.op === 'entries' ? found.entries : [];
  const foreign = await sut.run('other', { op: 'body', id: entries[0]?.id ?? 0 });
  expect(foreign).toEqual({ op: 'response', entry: undefined, body: undefined });
});

test('large bodies come in parts, and are what was stored', async () => {
  const body = Buffer.alloc(900_000, 'abc');
  await put('big', body);
  expect((await get('big'))?.length).toBe(900_000);
  expect(sut.bytes('s')).toBeGreaterThan(900_000);
});

test('a body that is replaced while it is read breaks off, and no half passes for the whole', async () => {
  await put('big', Buffer.alloc(900_000, 'abc'));
  const result = await sut.run('s', { op: 'match', query: query('big') });
  const body = result.op === 'response' ? result.body : undefined;
  await put('big', 'small');
  await expect(bytesOf(body)).rejects.toThrow('gone');
  expect(await get('big')).toBe('small');
});

test('looks at the headers that a response varies by', async () => {
  const vary = ['Vary', 'Accept-Language, X-Kind'];
  await put('v', 'deutsch', { headers: vary, requestHeaders: ['accept-language', 'de', 'other', '1'] });
  await put('v', 'english', { headers: vary, requestHeaders: ['Accept-Language', 'en'] });
  expect(await get('v', { headers: ['accept-language', 'de', 'other', '2'] })).toBe('deutsch');
  expect(await get('v', { headers: ['accept-language', 'en'] })).toBe('english');
  expect(await get('v', { headers: ['accept-language', 'en', 'x-kind', 'a'] })).toBeUndefined();
  expect(await get('v', { ignoreVary: true })).toBe('deutsch');
});

test('addresses are told apart by their query unless it is ignored', async () => {
  await put('q?a=1', 'one');
  expect([await get('q'), await get('q?a=2'), await get('q?a=1')]).toEqual([undefined, undefined, 'one']);
  expect(await get('q?a=2', { ignoreSearch: true })).toBe('one');
  expect(await sut.run('s', { op: 'delete', query: query('q', { ignoreSearch: true }) })).toMatchObject({
    isTrue: true,
  });
  expect(await get('q?a=1')).toBeUndefined();
});

test('what was not used for the longest time makes room', async () => {
  sut[Symbol.dispose]();
  sut = opened({ bytes: 11_000, totalBytes: 20_000 });
  for (const path of ['a', 'b', 'c']) {
    nowMs += 100_000;
    await put(path, 'x'.repeat(3000));
  }
  nowMs += 100_000;
  await get('a');
  await put('d', 'x'.repeat(3000));
  expect(
    await Promise.all(['a', 'b', 'c', 'd'].map(async (path) => (await get(path)) !== undefined)),
  ).toEqual([true, false, true, true]);
  expect(sut.bytes('s')).toBeLessThanOrEqual(11_000);
  await expect(put('huge', 'x'.repeat(11_000))).rejects.toThrow('at most 11000 bytes');
});

test('all installations together keep to their bound, the oldest of all going first', async () => {
  sut[Symbol.dispose]();
  sut = opened({ bytes: 10_000, totalBytes: 12_000 });
  await put('old', 'x'.repeat(5000), {}, 'one');
  nowMs += 100_000;
  await put('new', 'x'.repeat(5000), {}, 'two');
  await put('newer', 'x'.repeat(4000), {}, 'two');
  expect([await get('old', {}, 'one'), (await get('new', {}, 'two'))?.length]).toEqual([undefined, 5000]);
  expect(sut.bytes()).toBeLessThanOrEqual(12_000);
});

test('refuses what cannot be stored', async () => {
  const faults: Partial<CachedHead>[] = [
    { url: 'ftp://a/' },
    { url: `https://a/${'x'.repeat(9000)}` },
    { status: 206 },
    { status: 0 },
    { headers: ['vary', 'a, *'] },
    { headers: ['odd'] },
    { headers: ['a', 'x'.repeat(70_000)] },
  ];
  for (const fault of faults) await expect(put('a', 'x', fault)).rejects.toThrow();
  await expect(put('a', 'x', {}, 's', 'n'.repeat(300))).rejects.toThrow('at most 256 characters');
  expect(sut.bytes()).toBe(0);
});

test('an installation that goes takes everything along, what is being stored too', async () => {
  const storing = put('big', Buffer.alloc(900_000, 1));
  for (let n = 0; n < 2; n += 1) await put(`n${n}`, 'x', {}, 'other');
  sut.erase('s');
  await storing.catch(() => undefined);
  sut.erase('s');
  expect([sut.bytes('s'), sut.spaces()]).toEqual([0, ['other']]);
});

test('a file that is damaged is begun anew', async () => {
  sut[Symbol.dispose]();
  writeFileSync(file, 'this is no database at all, and long enough to be looked at as one'.repeat(50));
  sut = opened();
  expect([begunAnew, await get('a')]).toEqual([1, undefined]);
  await put('a', 'again');
  expect(await get('a')).toBe('again');
});

test('caches are made, found, listed in order and dropped', async () => {
  for (const cache of ['b', 'a', 'b']) await sut.run('s', { op: 'open', cache });
  expect(await sut.run('s', { op: 'names' })).toEqual({ op: 'names', names: ['b', 'a'] });
  await put('x', '1', {}, 's', 'a');
  expect(await get('x', { cache: undefined })).toBe('1');
  expect(await sut.run('s', { op: 'drop', cache: 'a' })).toMatchObject({ isTrue: true });
  expect(await sut.run('s', { op: 'drop', cache: 'a' })).toMatchObject({ isTrue: false });
  expect([await sut.run('s', { op: 'has', cache: 'a' }), sut.bytes('s')]).toEqual([
    { op: 'done', isTrue: false },
    0,
  ]);
  for (let n = 0; n < 99; n += 1) await sut.run('s', { op: 'open', cache: `n${n}` });
  expect(() => sut.run('s', { op: 'open', cache: 'one more' })).toThrow('at most 100 caches');
});
