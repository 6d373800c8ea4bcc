import type { IncomingMessage } from 'node:http';
import { Problem } from '@proxylet/contract';
import { expect, test } from 'vitest';
import { ClientAddress } from './client-address.js';
import { FloodLimits } from './flood-limits.js';

function request(remoteAddress: string, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

test.each([
  ['a stranger says', '203.0.113.9', '198.51.100.1', '203.0.113.9'],
  ['a trusted proxy says', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['a trusted proxy says what a client made up', '10.0.0.1', '192.0.2.66, 198.51.100.1', '198.51.100.1'],
  ['two trusted proxies say', '10.0.0.1', '198.51.100.1, 10.0.0.2', '198.51.100.1'],
  ['a trusted proxy on a socket of both families says', '::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
  ['a trusted proxy says nothing', '10.0.0.1', undefined, '10.0.0.1'],
  ['a trusted proxy says nonsense', '10.0.0.1', 'unknown', '10.0.0.1'],
  ['a trusted proxy says nonsense before a proxy', '10.0.0.1', 'x, 10.0.0.2', '10.0.0.2'],
])('takes the address that %s', (_name, peer, forwarded, client) => {
  expect(new ClientAddress(['10.0.0.0/8']).of(request(peer, forwarded))).toBe(client);
});

test('believes nobody by default', () => {
  expect(new ClientAddress([]).of(request('127.0.0.1', '198.51.100.1'))).toBe('127.0.0.1');
});

function codeOf(work: () => void): string {
  try {
    work();
    return 'ok';
  } catch (error) {
    return (error as Problem).code;
  }
}

const none = { trustedProxies: [], perAddress: 0, perPrincipal: 0, refusals: 0 };

test('bounds requests of one address, and leaves others alone', () => {
  const sut = new FloodLimits({ ...none, perAddress: 3 });
  const codes = [1, 2, 3, 4].map(() => codeOf(() => sut.takeRequest(request('203.0.113.1'))));
  expect(codes).toEqual(['ok', 'ok', 'ok', 'too-many-requests']);
  expect(codeOf(() => sut.takeRequest(request('203.0.113.2')))).toBe('ok');
});

test('takes a /64 for one caller', () => {
  const sut = new FloodLimits({ ...none, perAddress: 1 });
  expect(codeOf(() => sut.takeRequest(request('2001:db8::1')))).toBe('ok');
  expect(codeOf(() => sut.takeRequest(request('2001:db8::2')))).toBe('too-many-requests');
});

test('bounds calls of one principal, whatever address they come from', () => {
  const sut = new FloodLimits({ ...none, perPrincipal: 1 });
  expect(codeOf(() => sut.takeCall({ key: 'user|i|alice' }))).toBe('ok');
  expect(codeOf(() => sut.takeCall({ key: 'user|i|alice' }))).toBe('too-many-requests');
  expect(codeOf(() => sut.takeCall({ key: 'service|i|alice' }))).toBe('ok');
});

test('counts refused credentials only, and closes the way to try further ones', () => {
  const sut = new FloodLimits({ ...none, refusals: 2 });
  const from = request('203.0.113.1');
  for (const code of ['invalid-token', 'no-credentials', 'not-found', 'invalid-token'] as const)
    sut.note(new Problem(code, 'x.'), from);
  expect(codeOf(() => sut.assertMayTry(from))).toBe('too-many-requests');
  expect(codeOf(() => sut.assertMayTry(request('203.0.113.2')))).toBe('ok');
});

test('without a number there is no bound', () => {
  const sut = new FloodLimits(none);
  for (let i = 0; i < 1000; i += 1) sut.takeRequest(request('203.0.113.1'));
  expect(codeOf(() => sut.assertMayTry(request('203.0.113.1')))).toBe('ok');
});
