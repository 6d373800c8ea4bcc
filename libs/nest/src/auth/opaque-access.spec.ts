import { afterEach, beforeEach, expect, test } from 'vitest';
import { AskedIdm } from '../../../auth/test/asked-idm.js';
import { keyrockApp, keyrockUser } from '../../../auth/test/idm-shapes.js';
import { TestIssuer } from '../../../auth/test/test-issuer.js';
import { startService } from '../../test/test-service.js';
import { problemOf, ThingModule } from '../../test/thing-module.js';

let keyrock: AskedIdm;
let signer: TestIssuer;

beforeEach(async () => {
  keyrock = await AskedIdm.start();
  keyrock.unknown = { status: 401, body: { error: { message: 'Invalid token', code: 401 } } };
  keyrock.known.set('0123456789abcdef', keyrockUser);
  signer = await TestIssuer.start();
});

afterEach(async () => {
  await keyrock[Symbol.asyncDispose]();
  await signer[Symbol.asyncDispose]();
});

const profile = () => ({
  preset: 'keyrock-opaque',
  keyrock: { url: keyrock.url, appId: keyrockApp },
  roleScopes: { 'gateway-operator': ['catalog:read'] },
});
const issuers = (...profiles: object[]) => ({ PROXYLET_AUTH_ISSUERS: JSON.stringify(profiles) });

test('an issuer that is asked stands beside one that signs, and neither sees the tokens of the other', async () => {
  await using sut = await startService(ThingModule, { env: issuers({ issuer: signer.url }, profile()) });
  const ask = async (token: string) => (await sut.fetch('/v1/things/abc', { token })).status;
  expect(await ask('0123456789abcdef')).toBe(200);
  expect(await ask(await signer.token())).toBe(200);
  expect(await ask(await signer.token({ aud: 'urn:elsewhere' }))).toBe(401);
  expect(await ask('fedcba9876543210')).toBe(401);
  expect(keyrock.questions.map(({ authorization }) => authorization)).toEqual([
    'Bearer 0123456789abcdef',
    'Bearer fedcba9876543210',
  ]);
});

test('an issuer that is asked may be the only one', async () => {
  await using sut = await startService(ThingModule, { env: issuers(profile()) });
  for (let i = 0; i < 3; i += 1)
    expect((await sut.fetch('/v1/things/abc', { token: '0123456789abcdef' })).status).toBe(200);
  expect(keyrock.questions).toHaveLength(1);
  expect((await sut.fetch('/v1/things/abc', { token: await signer.token() })).status).toBe(401);
});

test('its failure is 503 with a time to wait, never an answer', async () => {
  await using sut = await startService(ThingModule, { env: issuers(profile()) });
  keyrock.status = 500;
  const response = await sut.fetch('/v1/things/abc', { token: '0123456789abcdef' });
  expect(response.status).toBe(503);
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await problemOf(response)).code).toBe('idm-unavailable');
});

test.each([
  [
    'no audience could match',
    [{ preset: 'zitadel', issuer: 'https://z.example', roleScopes: { a: [] } }],
    'project',
  ],
  ['an issuer is http', [{ issuer: 'http://idm.example' }], 'loopback'],
  [
    'algorithms are of two families',
    [{ issuer: 'https://i.example', algs: ['RS256', 'ES256'] }],
    'one family',
  ],
  ['nobody is trusted', [], 'at least one issuer'],
])('where %s the start fails with a sentence that says so', async (_name, profiles, sentence) => {
  await expect(startService(ThingModule, { env: issuers(...profiles) })).rejects.toThrow(sentence);
});
