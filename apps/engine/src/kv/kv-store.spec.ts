import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KvOperation } from '@proxylet/sandbox';
import { afterEach, expect, test } from 'vitest';
import { KvStore } from './kv-store.js';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newKv(quota = { bytes: 1000, keys: 10 }) {
  const folder = mkdtempSync(join(tmpdir(), 'proxylet-kv-'));
  folders.push(folder);
  const clock = { now: 1_000_000 };
  const file = join(folder, 'kv.sqlite');
  const kv = new KvStore(file, quota, () => clock.now);
  const put = (
    key: string,
    text: string,
    more: { ttlSeconds?: number; ifVersion?: number } = {},
    space = 'a',
  ) => {
    const result = kv.run(space, {
      op: 'put',
      key,
      value: Buffer.from(text),
      ttlSeconds: more.ttlSeconds,
      ifVersion: more.ifVersion,
    });
    return result.op === 'put' ? result.version : undefined;
  };
  const get = (key: string, space = 'a') => {
    const result = kv.run(space, { op: 'get', key });
    return result.op === 'get' && result.entry ? Buffer.from(result.entry.value).toString() : undefined;
  };
  const list = (prefix = '', limit = 1000, cursor?: string) => {
    const result = kv.run('a', { op: 'list', prefix, limit, cursor });
    if (result.op !== 'list') throw new Error('no list');
    return result;
  };
  return { kv, put, get, list, clock, file };
}

test('keeps what was put, also for the next process', () => {
  const { kv, put, get, file } = newKv();
  put('k', 'väl');
  expect(get('k')).toBe('väl');
  kv[Symbol.dispose]();
  using again = new KvStore(file, { bytes: 1000, keys: 10 });
  expect(again.run('a', { op: 'get', key: 'k' })).toMatchObject({ entry: { version: 1 } });
});

test('keeps installations apart', () => {
  const { put, get } = newKv();
  put('k', 'mine');
  expect(get('k', 'b')).toBeUndefined();
  put('k', 'other', {}, 'b');
  expect([get('k'), get('k', 'b')]).toEqual(['mine', 'other']);
});

test('writes under compare-and-set only where the version is the expected one', () => {
  const { put, get } = newKv();
  expect(put('k', 'a', { ifVersion: 3 })).toBeUndefined();
  expect(put('k', 'a', { ifVersion: 0 })).toBe(1);
  expect(put('k', 'b', { ifVersion: 0 })).toBeUndefined();
  expect(put('k', 'b', { ifVersion: 1 })).toBe(2);
  expect(put('k', 'c', { ifVersion: 1 })).toBeUndefined();
  expect(get('k')).toBe('b');
});

test('never gives a version twice, so that delete and put are noticed', () => {
  const { kv, put } = newKv();
  expect(put('k', 'a')).toBe(1);
  expect(kv.run('a', { op: 'delete', key: 'k' })).toEqual({ op: 'delete', existed: true });
  expect(kv.run('a', { op: 'delete', key: 'k' })).toEqual({ op: 'delete', existed: false });
  expect(put('k', 'b')).toBe(2);
  expect(put('k', 'c', { ifVersion: 1 })).toBeUndefined();
});

test('lets entries die at their time to live', () => {
  const { kv, put, get, list, clock } = newKv();
  put('k', 'a', { ttlSeconds: 10 });
  put('stays', 'a');
  clock.now += 9_999;
  expect(get('k')).toBe('a');
  clock.now += 1;
  expect(get('k')).toBeUndefined();
  expect(list().keys).toEqual(['stays']);
  expect(put('k', 'b', { ifVersion: 0 })).toBe(3);
  clock.now += 1;
  put('t', 'x', { ttlSeconds: 0.001 });
  clock.now += 2;
  expect(kv.sweep()).toBe(1);
  expect(kv.usage('a')).toEqual({ bytes: 'stays'.length + 1 + 'k'.length + 1, keys: 2 });
});

test('lists by prefix in byte order, page by page', () => {
  const { put, list } = newKv({ bytes: 10_000, keys: 100 });
  for (const key of ['m/2', 'm/1', 'm/10', 'n/1', 'm', 'm/\u{10ffff}', 'm/ä', 'l']) put(key, '.');
  expect(list('m/').keys).toEqual(['m/1', 'm/10', 'm/2', 'm/ä', 'm/\u{10ffff}']);
  const first = list('m/', 2);
  expect(first.keys).toEqual(['m/1', 'm/10']);
  const second = list('m/', 2, first.cursor);
  expect(second.keys).toEqual(['m/2', 'm/ä']);
  const third = list('m/', 2, second.cursor);
  expect(third).toEqual({ op: 'list', keys: ['m/\u{10ffff}'], cursor: undefined });
  expect(list().keys).toHaveLength(8);
});

test('holds the quota in bytes and in keys', () => {
  const { put, get, kv } = newKv({ bytes: 20, keys: 3 });
  put('a', '123456789');
  expect(() => put('b', '1234567890')).toThrow('20 bytes');
  put('b', '123456789');
  expect(() => put('b', '1234567890')).toThrow(expect.objectContaining({ name: 'QuotaExceededError' }));
  put('b', '');
  put('c', '');
  expect(() => put('d', '')).toThrow('3 keys');
  kv.run('a', { op: 'delete', key: 'c' });
  put('d', '');
  expect(get('a')).toBe('123456789');
  expect(kv.usage('a')).toEqual({ bytes: 12, keys: 3 });
});

test('makes room from expired entries before it refuses', () => {
  const { put, clock } = newKv({ bytes: 1000, keys: 1 });
  put('a', 'x', { ttlSeconds: 1 });
  expect(() => put('b', 'x')).toThrow('1 keys');
  clock.now += 1000;
  expect(put('b', 'x')).toBe(2);
});

test('a lowered quota still lets entries shrink', () => {
  const { kv, put, file } = newKv({ bytes: 100, keys: 5 });
  put('a', '1234567890');
  put('b', '1234567890');
  kv[Symbol.dispose]();
  using tight = new KvStore(file, { bytes: 5, keys: 1 });
  const write = (text: string) =>
    tight.run('a', {
      op: 'put',
      key: 'a',
      value: Buffer.from(text),
      ttlSeconds: undefined,
      ifVersion: undefined,
    });
  expect(write('123')).toEqual({ op: 'put', version: 3 });
  expect(() => write('12345678901234')).toThrow('5 bytes');
});

test('erases a space and nothing else', () => {
  const { kv, put, get } = newKv();
  put('k', 'a');
  put('k', 'b', {}, 'b');
  kv.erase('a');
  expect([get('k'), get('k', 'b')]).toEqual([undefined, 'b']);
  expect(kv.spaces()).toEqual(['b']);
});

test.each<[string, unknown]>([
  ['no key', { op: 'get', key: '' }],
  ['a key that is no text', { op: 'get', key: 7 }],
  ['a key of 513 bytes', { op: 'get', key: 'x'.repeat(513) }],
  ['a key of 2 x 257 bytes', { op: 'get', key: 'ä'.repeat(257) }],
  ['a lone surrogate', { op: 'get', key: 'a\ud800' }],
  ['a value that is no bytes', { op: 'put', key: 'a', value: 'text' }],
  ['a ttl of zero', { op: 'put', key: 'a', value: Buffer.of(), ttlSeconds: 0 }],
  ['a ttl of NaN', { op: 'put', key: 'a', value: Buffer.of(), ttlSeconds: Number.NaN }],
  ['a ttl without end', { op: 'put', key: 'a', value: Buffer.of(), ttlSeconds: Infinity }],
  ['a version of -1', { op: 'put', key: 'a', value: Buffer.of(), ifVersion: -1 }],
  ['a version that is no number', { op: 'put', key: 'a', value: Buffer.of(), ifVersion: '1' }],
  ['a page of 0', { op: 'list', prefix: '', limit: 0 }],
  ['a page of 1001', { op: 'list', prefix: '', limit: 1001 }],
  ['a prefix that is no text', { op: 'list', prefix: {}, limit: 1 }],
  ['an endless cursor', { op: 'list', prefix: '', limit: 1, cursor: 'x'.repeat(5000) }],
  ['an unknown operation', { op: 'drop' }],
])('refuses %s', (_, operation) => {
  const { kv } = newKv();
  expect(() => kv.run('a', operation as KvOperation)).toThrow(
    expect.objectContaining({ name: expect.stringMatching(/^(TypeError|DataError)$/) as string }),
  );
});
