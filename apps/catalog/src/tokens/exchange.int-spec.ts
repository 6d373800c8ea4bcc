import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TrustPolicyRow } from '../../dist/database/rights.entity.js';
import { Database } from '../../dist/index.js';
import {
  type Answer,
  type Caller,
  type CatalogUnderTest,
  startCatalog,
} from '../testing/catalog-under-test.js';
import { type CiIssuer, startCi } from '../testing/ci-issuer.js';

const audience = 'https://catalog.example';
let catalog: CatalogUnderTest;
let ci: CiIssuer;
let away: CiIssuer;
let stranger: CiIssuer;
let olga: Caller;
beforeAll(async () => {
  [ci, away, stranger] = await Promise.all([startCi(), startCi(), startCi()]);
  catalog = await startCatalog({
    PROXYLET_CATALOG_TRUST_ISSUERS: JSON.stringify([ci.url, away.url, stranger.url]),
  });
  olga = await catalog.as('olga');
  for (const namespace of ['acme', 'second']) await olga.put(`/v1/namespaces/${namespace}`);
});
afterAll(async () => {
  await Promise.all([ci, stranger].map((issuer) => issuer[Symbol.asyncDispose]()));
  await catalog[Symbol.asyncDispose]();
});

const policy = (changes: object = {}) => ({
  issuer: ci.url,
  audience,
  claims: { repository: 'acme/proxylets', ref: ['refs/heads/main', 'refs/heads/release'] },
  actions: ['publish', 'yank'],
  proxylets: ['thumb'],
  ...changes,
});
const policyPath = '/v1/namespaces/acme/trust-policies/ci-main';

/** An identity token as a CI gives it to a job. */
const identityToken = (claims: JWTPayload = {}, issuer = ci): Promise<string> =>
  issuer.identityToken({
    sub: 'repo:acme/proxylets:ref:refs/heads/main',
    aud: audience,
    repository: 'acme/proxylets',
    ref: 'refs/heads/main',
    ...claims,
  });

const exchange = (token: string, more: object = {}): Promise<Answer> =>
  catalog.anonymous().post('/v1/tokens/exchange', { token, ...more });

async function jobToken(): Promise<Caller> {
  const answer = await exchange(await identityToken());
  expect(answer.status).toBe(201);
  return catalog.bearing(String(answer.body.token));
}

beforeEach(async () => {
  expect([200, 201]).toContain((await olga.put(policyPath, policy())).status);
});

describe('a trust policy', () => {
  it('is made, shown, replaced against its tag, and removed', async () => {
    const path = '/v1/namespaces/acme/trust-policies/second';
    const made = await olga.put(path, policy());
    expect([made.status, made.body.id]).toEqual([201, 'second']);
    const shown = await olga.get(path);
    expect(shown.body).toMatchObject(policy());
    const stale = await olga.put(path, policy({ audience: 'x' }), { 'if-match': '"stale"' });
    expect(stale.body).toMatchObject({ code: 'precondition-failed' });
    const tag = String(shown.headers['etag']);
    expect((await olga.put(path, policy({ audience: 'x' }), { 'if-match': tag })).status).toBe(200);
    expect((await olga.get('/v1/namespaces/acme/trust-policies')).body.items).toHaveLength(2);
    expect((await olga.delete(path)).status).toBe(204);
    expect((await olga.delete(path)).status).toBe(204);
    expect((await olga.get(path)).status).toBe(404);
  });

  it('may name only what the operator admits, where there is a list', async () => {
    await using strict = await startCatalog({
      PROXYLET_CATALOG_TRUST_ISSUERS: JSON.stringify(['https://ci.example.com']),
    });
    const owner = await strict.as('olga');
    await owner.put('/v1/namespaces/acme');
    const refused = await owner.put(policyPath, policy());
    expect(refused.body).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '/body/issuer' }] });
    expect((await owner.put(policyPath, policy({ issuer: 'https://ci.example.com' }))).status).toBe(201);
  });

  it.each([
    'http://127.0.0.1:9/',
    'http://localhost:9',
    'https://127.0.0.1',
    'https://10.0.0.1',
    'https://169.254.169.254',
    'https://[::1]',
    'https://0x7f000001',
  ])('may not name %s, which is inside, where there is no list', async (issuer) => {
    await using open = await startCatalog();
    const owner = await open.as('olga');
    await owner.put('/v1/namespaces/acme');
    const refused = await owner.put(policyPath, policy({ issuer }));
    expect(refused.body).toMatchObject({ code: 'invalid-request', errors: [{ pointer: '/body/issuer' }] });
  });

  it('leads to no inner host by a name either: nothing is asked there, and the answer is that of any outage', async () => {
    await using open = await startCatalog();
    await using inside = await startCi();
    const issuer = inside.url.replace('http://127.0.0.1', 'https://localhost');
    const owner = await open.as('olga');
    await owner.put('/v1/namespaces/acme');
    expect((await owner.put(policyPath, policy({ issuer }))).status).toBe(201);
    const token = await identityToken({ iss: issuer }, inside);
    const answer = await open.anonymous().post('/v1/tokens/exchange', { token });
    expect([answer.status, answer.body.code]).toEqual([503, 'idm-unavailable']);
    expect(answer.body.detail).not.toContain('localhost');
    expect(inside.connections).toBe(0);
  });

  it('ends when the operator takes its issuer from the list', async () => {
    await using ended = await startCatalog({
      PROXYLET_CATALOG_TRUST_ISSUERS: JSON.stringify(['https://ci.example.com']),
    });
    const database = ended.app.nest.get(Database, { strict: false });
    const owner = await ended.as('olga');
    await owner.put('/v1/namespaces/acme');
    await owner.put(policyPath, policy({ issuer: 'https://ci.example.com' }));
    await database.write('test', (manager) =>
      manager.update(TrustPolicyRow, { id: 'ci-main' }, { issuer: ci.url }),
    );
    const token = await identityToken();
    const answer = await ended.anonymous().post('/v1/tokens/exchange', { token });
    expect(answer.body).toMatchObject({ code: 'trust-policy-mismatch' });
  });
});

describe('a flood of exchanges', () => {
  it('is refused with the time to wait, whatever it sends', async () => {
    await using strict = await startCatalog({
      PROXYLET_CATALOG_TRUST_ISSUERS: JSON.stringify([ci.url]),
      PROXYLET_CATALOG_EXCHANGES_PER_MINUTE: '3',
    });
    const nobody = strict.anonymous();
    const answers = [];
    for (const token of ['nonsense', 'a.b.c', await identityToken({}, stranger), 'nonsense'])
      answers.push(await nobody.post('/v1/tokens/exchange', { token }));
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 403, 429]);
    expect(answers.at(-1)?.body).toMatchObject({ code: 'too-many-requests' });
    expect(Number(answers.at(-1)?.headers['retry-after'])).toBeGreaterThan(0);
  });
});

describe('an identity token of a job', () => {
  it('is exchanged for a token of 15 minutes that is for what the policy says', async () => {
    const answer = await exchange(await identityToken());
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ actions: ['publish', 'yank'], resources: ['acme/thumb'] });
    const lifeMs = Date.parse(String(answer.body.expiresAt)) - Date.now();
    expect(lifeMs).toBeGreaterThan(14 * 60_000);
    expect(lifeMs).toBeLessThanOrEqual(15 * 60_000);
    const job = catalog.bearing(String(answer.body.token));
    expect((await job.publish({ name: 'acme/thumb' })).status).toBe(201);
    const change = { state: 'yanked', reason: 'test' };
    expect((await job.patch('/v1/proxylets/acme/thumb/versions/1.0.0', change)).status).toBe(200);
    const { publishedBy } = (await olga.get('/v1/proxylets/acme/thumb/versions/1.0.0')).body;
    expect(publishedBy).toBe(`service|${ci.url}|repo:acme/proxylets:ref:refs/heads/main`);
    for (const refused of [
      await job.publish({ name: 'acme/other' }),
      await job.publish({ name: 'second/thumb' }),
      await job.put('/v1/proxylets/acme/thumb/channels/next', { version: '1.0.0' }),
      await job.get('/v1/proxylets/acme/thumb'),
      await job.put('/v1/namespaces/acme/members/evil', { role: 'owner' }),
      await job.put(policyPath, policy()),
      await job.post('/v1/tokens', {
        label: 'more',
        actions: ['publish'],
        resources: ['acme/thumb'],
        expiresAt: new Date(Date.now() + 60_000).toISOString(),
      }),
    ]) {
      expect(refused.status).toBe(403);
    }
  });

  it('reads what is private in its namespace, where the policy says so', async () => {
    await olga.publish({ name: 'acme/secret' });
    await olga.patch('/v1/proxylets/acme/secret', { visibility: 'private', reason: 'test' });
    await olga.publish({ name: 'second/secret' });
    await olga.patch('/v1/proxylets/second/secret', { visibility: 'private', reason: 'test' });
    await olga.put(policyPath, policy({ actions: ['read'], proxylets: ['*'] }));
    const job = await jobToken();
    expect((await job.get('/v1/proxylets/acme/secret')).status).toBe(200);
    expect((await job.get('/v1/proxylets/second/secret')).status).toBe(404);
  });

  it('counts once, also of many at once', async () => {
    const token = await identityToken();
    const answers = await Promise.all(Array.from({ length: 5 }, () => exchange(token)));
    const codes = answers
      .map(({ status, body }) => (status === 201 ? 'exchanged' : String(body.code)))
      .toSorted();
    expect(codes).toEqual(['exchanged', ...Array.from({ length: 4 }, () => 'token-reused')]);
    expect((await exchange(token)).body).toMatchObject({ status: 401, code: 'token-reused' });
  });

  it.each<[string, JWTPayload, string]>([
    ['of another repository', { repository: 'evil/proxylets' }, 'trust-policy-mismatch'],
    ['of a repository that begins like it', { repository: 'acme/proxylets-evil' }, 'trust-policy-mismatch'],
    ['of another branch', { ref: 'refs/heads/feature' }, 'trust-policy-mismatch'],
    ['without a claim', { ref: undefined }, 'trust-policy-mismatch'],
    ['for another audience', { aud: 'https://elsewhere.example' }, 'invalid-token'],
    ['that has expired', { iat: 1_700_000_000, exp: 1_700_000_300 }, 'invalid-token'],
    ['issued an hour ago', { iat: Math.floor(Date.now() / 1000) - 3600 }, 'invalid-token'],
  ])('%s is refused', async (_name, claims, code) => {
    expect((await exchange(await identityToken(claims))).body).toMatchObject({ code });
  });

  it('of an issuer no policy names is refused, and the issuer is not asked', async () => {
    const answer = await exchange(await identityToken({}, stranger));
    expect([answer.status, answer.body.code]).toEqual([403, 'trust-policy-mismatch']);
    expect(stranger.keyFetches).toBe(0);
  });

  it('of somebody who only says to be the issuer is refused', async () => {
    const token = await identityToken({ iss: ci.url }, stranger);
    expect((await exchange(token)).body).toMatchObject({ status: 401, code: 'invalid-token' });
  });

  it('of an issuer that is away is an outage', async () => {
    await olga.put('/v1/namespaces/acme/trust-policies/away', policy({ issuer: away.url }));
    const token = await identityToken({}, away);
    await away[Symbol.asyncDispose]();
    const answer = await exchange(token);
    expect([answer.status, answer.body.code]).toEqual([503, 'idm-unavailable']);
    expect(answer.headers['retry-after']).toBeDefined();
  });

  it('that several policies take needs to name one', async () => {
    await olga.put('/v1/namespaces/second/trust-policies/ci-main', policy());
    expect((await exchange(await identityToken())).body).toMatchObject({
      code: 'invalid-request',
      errors: [{ pointer: '/body/policy' }],
    });
    const named = await exchange(await identityToken(), { policy: 'second/ci-main' });
    expect(named.body).toMatchObject({ resources: ['second/thumb'] });
    await olga.delete('/v1/namespaces/second/trust-policies/ci-main');
  });

  it('what was given under a policy ends with it', async () => {
    const [removed, replaced] = [await jobToken(), await jobToken()];
    await olga.put(policyPath, policy({ proxylets: ['other'] }));
    expect((await replaced.publish({ name: 'acme/thumb', version: '3.0.0' })).body).toMatchObject({
      code: 'token-revoked',
    });
    await olga.delete(policyPath);
    expect((await removed.publish({ name: 'acme/thumb', version: '3.0.0' })).status).toBe(401);
    expect((await exchange(await identityToken())).body).toMatchObject({ code: 'trust-policy-mismatch' });
  });

  it.each([['nonsense'], ['a.b.c'], ['x'.repeat(9000)]])('that is none is refused (%#)', async (token) => {
    const answer = await exchange(token);
    expect([400, 401]).toContain(answer.status);
  });
});
