import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { testBackend } from '../testing/backend.config.js';
import type { Answer } from '../testing/catalog-under-test.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';
import { type RightsFixture, rightsFixture } from '../testing/rights-fixture.js';
import { engineProfile, soon } from '../testing/rights-kinds.js';
import { body as policyBody } from '../testing/rights-table.js';

const databases =
  testBackend() === 'embedded' && hasPostgres ? ['SQLite', 'PostgreSQL'] : ['the one of this run'];

/** As they stand in an address. */
const hostileParts = [
  '%00',
  'a%00b',
  '%ED%A0%80',
  '__proto__',
  'constructor',
  "a'%20OR%20'1'='1",
  '..%2f..%2f..%2fetc%2fpasswd',
  '%2e%2e',
  'a%0d%0aSet-Cookie:%20x=1',
  '%E2%80%AEtxt',
  '%F0%9F%92%A9',
  '-1',
  '9'.repeat(30),
  'x'.repeat(500),
];

const hostileTexts = ['\0', 'a\0b', '\ud800', '__proto__', "' OR 1=1 --", 'x'.repeat(300), ''];
const hostileNumbers = [-1, 0.5, 1e21, Number.MAX_SAFE_INTEGER, 2 ** 31, 2 ** 63];

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every text and number in it replaced by each hostile one in turn, and some that are quite another thing. */
function* mutations(value: Json): Generator<Json> {
  yield* [null, [], {}, '', 7, true];
  if (typeof value === 'string') yield* hostileTexts;
  if (typeof value === 'number') yield* hostileNumbers;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return;
  for (const [key, one] of Object.entries(value)) {
    for (const other of mutations(one)) yield { ...value, [key]: other };
    yield { ...value, [`${key}x`]: one };
  }
}

/** Beginning of a part of a form whose boundary is `x`. */
const part = (name: string) =>
  `\r\n--x\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\n\r\n`;

/** A refusal in our own words, or an ordinary answer: nothing of the inside, nothing that broke. */
function assertDecent(answer: Answer, what: string): void {
  expect(`${what}: ${answer.status}`).toMatch(/: [1-4]\d\d$/);
  const text = answer.text ?? '';
  expect(text).not.toMatch(
    /node_modules|at [\w.]+ \(|SQLITE|QueryFailed|invalid byte sequence|\.(?:ts|js):\d+/,
  );
  expect(answer.headers['set-cookie']).toBeUndefined();
  if (answer.status >= 400 && text !== '')
    expect(answer.headers['content-type']).toBe('application/problem+json');
}

describe.each(databases)('what no client of ours would send, with %s', (database) => {
  let postgres: TestPostgres | undefined;
  let sut: RightsFixture;
  beforeAll(async () => {
    if (database === 'PostgreSQL') postgres = await startMigrated();
    sut = await rightsFixture(postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url });
  });
  afterAll(async () => {
    await sut[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  it('in any place of any address', async () => {
    const { admin } = sut.callers;
    const { paths } = (await admin.get('/openapi.json')).body as { paths: Record<string, object> };
    const good: Record<string, string> = { ns: 'acme', name: 'pub', v: '1.0.0', channel: 'next' };
    for (const [path, operations] of Object.entries(paths).filter(([one]) => /^\/v1\/.*\{/.test(one))) {
      for (const [, place = ''] of path.matchAll(/\{([^}]+)\}/g)) {
        for (const part of hostileParts) {
          const url = path.replaceAll(/\{([^}]+)\}/g, (_all, name: string) =>
            name === place ? part : (good[name] ?? 'x'),
          );
          for (const method of Object.keys(operations)) {
            if (method === 'get') assertDecent(await admin.get(url), `get ${url}`);
            if (method === 'put') assertDecent(await admin.put(url, {}), `put ${url}`);
            if (method === 'patch') assertDecent(await admin.patch(url, {}), `patch ${url}`);
            if (method === 'post') assertDecent(await admin.post(url, {}), `post ${url}`);
            if (method === 'delete') assertDecent(await admin.delete(url), `delete ${url}`);
          }
        }
      }
    }
  });

  it('in any parameter of a query', async () => {
    const { admin } = sut.callers;
    const queries = [
      ...['q', 'namespace', 'runtime', 'capability', 'service', 'limit'].map((name) => `proxylets?${name}=`),
      ...['since', 'epoch', 'limit'].map((name) => `changes?${name}=`),
      ...['since', 'limit', 'namespace'].map((name) => `audit?${name}=`),
      'audit/verify?head=',
      'tokens?limit=',
      'services?q=',
    ];
    for (const query of queries) {
      for (const part of [...hostileParts, '', '1&limit=2', '%25', '*', '%22%29%20OR%20(%22'])
        assertDecent(await admin.get(`/v1/${query}${part}`), `${query}${part}`);
    }
  });

  it('as a cursor', async () => {
    const { owner } = sut.callers;
    await owner.publish({ name: 'acme/pub', version: '1.1.0' });
    await owner.put('/v1/services/acme/pub', { version: '1.1.0', proxylets: { 'acme/pub': '*' } });
    await owner.patch('/v1/proxylets/acme/pub/versions/1.0.0', { state: 'deprecated', reason: 'old' });
    await owner.post('/v1/tokens', {
      label: 'second',
      actions: ['read'],
      resources: ['acme/*'],
      expiresAt: soon(),
    });
    for (const list of [
      '/v1/proxylets?limit=1',
      '/v1/proxylets?q=acme&limit=1',
      '/v1/proxylets/acme/pub/versions?limit=1',
      '/v1/proxylets/acme/pub/versions/1.0.0/history?limit=1',
      '/v1/services/acme/pub/versions?limit=1',
      '/v1/tokens?limit=1',
    ]) {
      const cursor = String((await owner.get(list)).body.nextCursor);
      const position = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as Json;
      for (const other of mutations(position)) {
        const text = Buffer.from(JSON.stringify(other)).toString('base64url');
        assertDecent(await owner.get(`${list}&cursor=${text}`), `${list} ${JSON.stringify(other)}`);
      }
    }
  });

  it('in any member of a body', async () => {
    const { owner, admin } = sut.callers;
    const at = '/v1/proxylets/acme/pub/versions/1.0.0';
    type Call = (body: object) => Promise<Answer>;
    const calls: [Call, Json][] = [
      [(body) => owner.patch(at, body), { state: 'deprecated', reason: 'old' }],
      [(body) => owner.patch('/v1/proxylets/acme/pub', body), { visibility: 'public', reason: 'x' }],
      [(body) => owner.put('/v1/proxylets/acme/pub/channels/next', body), { version: '1.0.0' }],
      [(body) => owner.patch('/v1/namespaces/acme', body), { defaultVisibility: 'public', reason: 'x' }],
      [(body) => owner.put('/v1/namespaces/acme/members/x', body), { role: 'reader' }],
      [
        (body) => owner.post('/v1/namespaces/acme/transfer', body),
        { to: 'olga', keep: 'owner', reason: 'x' },
      ],
      [
        (body) => owner.put('/v1/services/acme/pub', body),
        { version: '1.0.0', proxylets: { 'acme/pub': '*' } },
      ],
      [
        (body) => owner.post('/v1/tokens', body),
        { label: 'x', actions: ['read'], resources: ['acme/*'], expiresAt: soon(), cidrs: ['10.0.0.0/8'] },
      ],
      [(body) => owner.put('/v1/namespaces/acme/trust-policies/kept', body), policyBody.policy],
      [
        (body) => owner.post('/v1/namespaces/acme/webhooks', body),
        { url: 'https://hooks.example.com/', events: ['*'] },
      ],
      [
        (body) => owner.post('/v1/uploads', body),
        { name: 'acme/pub', digest: `sha256:${'0'.repeat(64)}`, size: 1 },
      ],
      [
        (body) => owner.post('/v1/resolve', body),
        { engine: engineProfile, wants: [{ proxylet: 'acme/pub' }] },
      ],
      [(body) => admin.put('/v1/namespaces/acme/quota', body), { bytes: 1_000_000_000, proxylets: 100 }],
      [(body) => owner.post('/v1/tokens/exchange', body), { token: 'a.b.c', policy: 'acme/kept' }],
    ];
    for (const [call, good] of calls) {
      for (const other of mutations(good)) {
        if (other === null || typeof other !== 'object') continue;
        assertDecent(await call(other), `${String(call)} ${JSON.stringify(other)}`);
      }
      const poison = JSON.parse(`{"__proto__":{"role":"owner"},${JSON.stringify(good).slice(1)}`) as object;
      assertDecent(await call(poison), `${String(call)} with __proto__`);
    }
    expect(({} as Record<string, unknown>)['role']).toBeUndefined();
  });

  it('in the service of a form', async () => {
    const service = {
      name: 'acme/pub',
      version: '9.0.0',
      description: 'a\0',
      proxylets: { 'acme/pub': '*' },
    };
    const archive = archiveOf({ name: 'acme/pub', version: '9.0.0' });
    const form = Buffer.concat([
      Buffer.from(part('acme/pub@9.0.0').slice(2)),
      archive,
      Buffer.from(`${part('service')}${JSON.stringify(service)}\r\n--x--\r\n`),
    ]);
    const type = { 'content-type': 'multipart/form-data; boundary=x' };
    const answer = await sut.callers.owner.sendPost('/v1/publications', form, type);
    expect(answer.body).toMatchObject({ status: 422, code: 'service-invalid' });
  });
});
