import { Problem } from '@proxylet/contract';
import { expect, test, vi } from 'vitest';
import { type ClientCredentialsOptions, clientCredentials } from './client-credentials.js';
import type { Fetch } from './fetch-json.js';

function setUp(answer: () => Response | Promise<Response>, more: Partial<ClientCredentialsOptions> = {}) {
  const clock = { ms: 0 };
  const fetch = vi.fn<Fetch>(async (url) => {
    if (typeof url !== 'string' || !url.endsWith('openid-configuration')) return answer();
    return Response.json({ issuer: 'http://127.0.0.1:1', token_endpoint: 'http://127.0.0.1:1/token' });
  });
  const sut = clientCredentials({
    tokenEndpoint: 'http://127.0.0.1:1/token',
    clientId: 'engine:local',
    clientSecret: 's e%c',
    resource: 'urn:proxylet:catalog',
    scope: 'catalog:read',
    now: () => clock.ms,
    fetch,
    ...more,
  });
  return { sut, fetch, clock };
}

const numbered = () => {
  let n = 0;
  return () => Response.json({ access_token: `t${(n += 1)}`, expires_in: 300, token_type: 'Bearer' });
};

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    (value) => value,
    (error: unknown) => (error instanceof Problem ? error.code : error),
  );
}

test('asks as RFC 6749 and 8707 say, once for all who wait', async () => {
  const { sut, fetch } = setUp(numbered());
  expect(await Promise.all([sut.token(), sut.token(), sut.token()])).toEqual(['t1', 't1', 't1']);
  expect(fetch).toHaveBeenCalledOnce();
  const [, init] = fetch.mock.calls[0] ?? [];
  const headers = new Headers(init?.headers);
  expect(Buffer.from(headers.get('authorization')?.slice(6) ?? '', 'base64').toString()).toBe(
    'engine%3Alocal:s+e%25c',
  );
  expect(init?.body).toBe(
    'grant_type=client_credentials&resource=urn%3Aproxylet%3Acatalog&scope=catalog%3Aread',
  );
  expect(init?.redirect).toBe('manual');
});

test('finds the token endpoint by discovery', async () => {
  const { fetch, clock } = setUp(numbered());
  const { sut } = setUp(numbered(), { tokenEndpoint: undefined, issuer: 'http://127.0.0.1:1' });
  expect(await sut.token()).toBe('t1');
  expect([fetch.mock.calls.length, clock.ms]).toEqual([0, 0]);
});

test('renews ahead of the end and after the token was refused', async () => {
  const { sut, clock } = setUp(numbered());
  await sut.token();
  clock.ms = 269_000;
  expect(await sut.token()).toBe('t1');
  clock.ms = 271_000;
  expect(await sut.token()).toBe('t2');
  sut.forget();
  expect(await sut.token()).toBe('t3');
});

test('goes on with a token that still holds while the identity manager is away', async () => {
  const next = numbered();
  let isAway = false;
  const { sut, clock } = setUp(() => (isAway ? Promise.reject(new Error('away')) : next()));
  await sut.token();
  isAway = true;
  clock.ms = 280_000;
  expect(await sut.token()).toBe('t1');
  clock.ms = 301_000;
  expect(await codeOf(sut.token())).toBe('idm-unavailable');
  isAway = false;
  expect(await sut.token()).toBe('t2');
});

test.each([
  [
    'refuses the client',
    () => Response.json({ error: 'invalid_client' }, { status: 401 }),
    'catalog-refused',
  ],
  ['answers with no token', () => Response.json({}), 'catalog-refused'],
  ['is broken', () => new Response('oops', { status: 500 }), 'idm-unavailable'],
  ['answers with no JSON', () => new Response('<html>', { status: 200 }), 'idm-unavailable'],
  [
    'redirects',
    () => new Response(null, { status: 302, headers: { location: 'https://evil.example' } }),
    'catalog-refused',
  ],
])('says what is wrong where the identity manager %s', async (_name, answer, code) => {
  const { sut } = setUp(answer);
  expect(await codeOf(sut.token())).toBe(code);
});
