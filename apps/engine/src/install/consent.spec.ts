import type { Permissions } from '@proxylet/contract';
import { expect, test } from 'vitest';
import { asksOf, decideConsent, isSamePermissions } from './consent.js';

function permissions(capabilities: string[] = [], fetch: string[] = []): Permissions {
  return { capabilities, fetch, topics: { subscribe: [], publish: [] }, secrets: [] };
}

const asked = permissions(['kv'], ['https://a.example', 'https://*.tiles.org']);
const of = { proxylet: 'acme/thumb', version: '1.0.0', asked, before: undefined };

test('asks for every permission in words when there was no consent', () => {
  for (const consent of [undefined, false]) {
    const { missing, granted } = decideConsent({ ...of, consent });
    expect(missing.map(({ text }) => text)).toEqual([
      'keep data of its own on this engine',
      'send and receive data at https://a.example',
      'send and receive data at every host below https://tiles.org',
    ]);
    expect(granted).toEqual(permissions());
  }
});

test('grants exactly what is asked on true', () => {
  expect(decideConsent({ ...of, consent: true })).toEqual({ granted: asked, missing: [] });
});

test('grants the named parts, and never more than is asked', () => {
  const consent = { capabilities: ['kv', 'gpio'], fetch: ['https://evil.example'] };
  expect(decideConsent({ ...of, consent })).toEqual({ granted: permissions(['kv']), missing: [] });
});

test('needs no consent where nothing is asked', () => {
  const result = decideConsent({ ...of, asked: permissions(), consent: undefined });
  expect(result).toEqual({ granted: permissions(), missing: [] });
});

test('an update asks only for what is new', () => {
  const before = { asked: permissions(['kv'], ['https://a.example']), granted: permissions(['kv']) };
  const { missing, granted } = decideConsent({ ...of, before, consent: undefined });
  expect(missing.map(({ value }) => value)).toEqual(['https://*.tiles.org']);
  expect(granted).toEqual(permissions(['kv']));
});

test('an update that asks nothing new keeps what was refused refused', () => {
  const before = { asked, granted: permissions(['kv'], ['https://a.example']) };
  const result = decideConsent({ ...of, before, consent: undefined });
  expect(result).toEqual({ granted: before.granted, missing: [] });
});

test('an update that asks less grants less', () => {
  const before = { asked, granted: asked };
  const result = decideConsent({ ...of, asked: permissions(['kv']), before, consent: undefined });
  expect(result).toEqual({ granted: permissions(['kv']), missing: [] });
});

test('names the member of the consent object for each kind', () => {
  const all: Permissions = {
    capabilities: ['device:camera', 'gpio@^2', 'schedule'],
    fetch: [],
    topics: { subscribe: ['meters.>'], publish: ['totals'] },
    secrets: ['API_KEY'],
  };
  expect(asksOf('a/b', '1.0.0', all).map(({ kind, text }) => `${kind}: ${text}`)).toEqual([
    'capabilities: use the camera of this engine',
    'capabilities: use the capability gpio@^2 of this engine',
    'capabilities: run by itself at set times',
    'topics.subscribe: read the messages of the topic meters.>',
    'topics.publish: send messages to the topic totals',
    'secrets: know the secret API_KEY that you store here',
  ]);
});

test('compares permissions as sets', () => {
  expect(isSamePermissions(permissions(['a', 'b']), permissions(['b', 'a']))).toBe(true);
  expect(isSamePermissions(permissions(['a']), permissions(['a', 'b']))).toBe(false);
});
