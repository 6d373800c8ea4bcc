import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Problem } from '@proxylet/contract';
import { expect, test, vi } from 'vitest';
import { TestIssuer, temporaryFolder } from '../test/test-issuer.js';
import { issuerProfileSchema } from './issuer-profile.js';
import { TokenVerifier } from './token-verifier.js';

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: unknown) => (error instanceof Problem ? error.code : String(error)),
  );
}

/** Sends zeros for as long as anybody takes them. */
function endless(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, 0x20);
  let sent = 0;
  const more = (): void => {
    while (sent < 2 ** 30 && !response.destroyed && response.write(chunk)) sent += chunk.byteLength;
    if (sent >= 2 ** 30) response.end();
  };
  response.on('drain', more).writeHead(200, { 'content-type': 'application/json' });
  more();
}

const answers: Record<string, (response: ServerResponse) => void> = {
  'hangs before it answers': () => undefined,
  'hangs in the middle': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write('{"keys":[');
  },
  'answers HTML': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
  'answers a gigabyte': endless,
  'redirects to other keys': (response) => response.writeHead(302, { location: '/keys' }).end(),
  'answers 204': (response) => response.writeHead(204).end(),
  'breaks off': (response) => response.destroy(),
};

test.each(Object.entries(answers))(
  'an issuer whose key set %s is an outage, soon and in little memory',
  async (_name, answer) => {
    await using issuer = await TestIssuer.start();
    await using folder = await temporaryFolder();
    const keys = createServer((request, response) => {
      if (request.url === '/keys') response.end(JSON.stringify(issuer.document));
      else answer(response);
    });
    await new Promise<void>((done) => keys.listen(0, '127.0.0.1', done));
    const jwksUri = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`;
    const profiles = [issuerProfileSchema.parse({ issuer: issuer.url, jwksUri })];
    const sut = await TokenVerifier.create({
      profiles,
      audience: 'urn:proxylet:test',
      cacheDir: folder.path,
    });
    const before = process.memoryUsage().rss;
    expect(await codeOf(sut.verify(await issuer.token()))).toBe('idm-unavailable');
    expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
    keys.closeAllConnections();
    keys.close();
    await sut.close();
  },
);

test('keys at hand stay in force while the key set is made unusable', async () => {
  await using issuer = await TestIssuer.start();
  await using folder = await temporaryFolder();
  const clock = { ms: Date.now() };
  const profiles = [issuerProfileSchema.parse({ issuer: issuer.url })];
  const options = { profiles, audience: 'urn:proxylet:test', cacheDir: folder.path, now: () => clock.ms };
  const sut = await TokenVerifier.create(options);
  expect(await codeOf(sut.verify(await issuer.token()))).toBe('ok');
  issuer.document = '<html>';
  clock.ms += 60_000;
  await codeOf(sut.verify(await issuer.token({}, { kid: 'nobody' })));
  expect(await codeOf(sut.verify(await issuer.token()))).toBe('ok');
  await sut.close();
});

test('a thousand tokens with unknown keys cost one fetch in half a minute', async () => {
  await using issuer = await TestIssuer.start();
  await using folder = await temporaryFolder();
  const clock = { ms: Date.now() };
  const profiles = [issuerProfileSchema.parse({ issuer: issuer.url })];
  const options = { profiles, audience: 'urn:proxylet:test', cacheDir: folder.path, now: () => clock.ms };
  const sut = await TokenVerifier.create(options);
  await vi.waitFor(() => expect(sut.status()[0]?.keys).toBe(1));
  clock.ms += 31_000;
  const before = issuer.keyFetches;
  const [, payload, signature] = (await issuer.token()).split('.');
  for (let i = 0; i < 1000; i += 1) {
    const header = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: `k${i}` })).toString(
      'base64url',
    );
    expect(await codeOf(sut.verify(`${header}.${payload}.${signature}`))).toBe('invalid-token');
    clock.ms += 29;
  }
  expect(issuer.keyFetches - before).toBe(1);
  await sut.close();
});

test.each([
  ['2000', Date.UTC(2000, 0, 1), 'clock-untrusted'],
  ['1970', 0, 'clock-untrusted'],
  ['2100', Date.UTC(2100, 0, 1), 'invalid-token'],
])(
  'with a clock of the year %s nobody gets in, and the box is not locked out after that',
  async (_year, wrongMs, code) => {
    await using issuer = await TestIssuer.start();
    await using folder = await temporaryFolder();
    const clock = { ms: Date.now() };
    const create = () =>
      TokenVerifier.create({
        profiles: [issuerProfileSchema.parse({ issuer: issuer.url })],
        audience: 'urn:proxylet:test',
        cacheDir: join(folder.path, 'keys'),
        now: () => clock.ms,
      });
    const before = await create();
    const token = await issuer.token();
    expect(await codeOf(before.verify(token))).toBe('ok');
    clock.ms = wrongMs;
    expect(await codeOf(before.verify(token))).toBe(code);
    await before.close();
    const restarted = await create();
    expect(await codeOf(restarted.verify(token))).toBe(code);
    clock.ms = Date.now();
    await vi.waitFor(async () => expect(await codeOf(restarted.verify(token))).toBe('ok'));
    await restarted.close();
  },
);

test('a clock turned back by an hour does not make expired tokens good again', async () => {
  await using issuer = await TestIssuer.start();
  await using folder = await temporaryFolder();
  const clock = { ms: Date.now() };
  const profiles = [issuerProfileSchema.parse({ issuer: issuer.url })];
  const options = { profiles, audience: 'urn:proxylet:test', cacheDir: folder.path, now: () => clock.ms };
  const sut = await TokenVerifier.create(options);
  const now = Math.floor(clock.ms / 1000);
  const expired = await issuer.token({ iat: now - 5400, exp: now - 1800 });
  expect(await codeOf(sut.verify(await issuer.token()))).toBe('ok');
  clock.ms -= 3_600_000;
  expect(await codeOf(sut.verify(expired))).toBe('clock-untrusted');
  await sut.close();
});
