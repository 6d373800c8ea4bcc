import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { type CiIssuer, startCi } from '../testing/ci-issuer.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';
import { soon } from '../testing/rights-kinds.js';

describe.runIf(hasPostgres)('two catalogs on one PostgreSQL', () => {
  let postgres: TestPostgres;
  let ci: CiIssuer;
  let first: CatalogUnderTest;
  let second: CatalogUnderTest;
  let olga: Caller;
  beforeAll(async () => {
    [postgres, ci] = await Promise.all([startMigrated(), startCi()]);
    const settings = {
      PROXYLET_CATALOG_DATABASE_URL: postgres.url,
      PROXYLET_CATALOG_TRUST_ISSUERS: JSON.stringify([ci.url]),
    };
    [first, second] = await Promise.all([startCatalog(settings), startCatalog(settings)]);
    olga = await first.as('olga');
    await olga.put('/v1/namespaces/acme');
    await olga.publish({ name: 'acme/secret' });
    await olga.patch('/v1/proxylets/acme/secret', { visibility: 'private', reason: 'ours' });
  });
  afterAll(async () => {
    for (const one of [first, second, postgres, ci]) await one[Symbol.asyncDispose]();
  });

  const secret = '/v1/proxylets/acme/secret';

  it('refuse a token at the next request, whichever of them revoked it', async () => {
    const made = await olga.post('/v1/tokens', {
      label: 'to read',
      actions: ['read'],
      resources: ['acme/*'],
      expiresAt: soon(),
    });
    const token = String(made.body.token);
    for (const catalog of [first, second, second])
      expect((await catalog.bearing(token).get(secret)).status).toBe(200);
    expect((await olga.delete(`/v1/tokens/${String(made.body.id)}`)).status).toBe(204);
    for (const catalog of [second, first]) {
      expect((await catalog.bearing(token).get(secret)).body).toMatchObject({
        status: 401,
        code: 'token-revoked',
      });
    }
  });

  it('take an identity token once between them, and end what was given when the policy goes', async () => {
    await olga.put('/v1/namespaces/acme/trust-policies/ci', {
      issuer: ci.url,
      audience: 'catalog',
      claims: { ref: 'main' },
      actions: ['read'],
      proxylets: ['*'],
    });
    const token = await ci.identityToken({ sub: 'job', aud: 'catalog', ref: 'main' });
    const answers = await Promise.all(
      [first, second, first, second].map((catalog) =>
        catalog.anonymous().post('/v1/tokens/exchange', { token }),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([201, 401, 401, 401]);
    const job = second.bearing(String(answers.find(({ status }) => status === 201)?.body.token));
    expect((await job.get(secret)).status).toBe(200);
    await olga.delete('/v1/namespaces/acme/trust-policies/ci');
    expect((await job.get(secret)).status).toBe(401);
  });

  it('forget a member at the next request, also for a token that was checked before', async () => {
    const rita = `user|${second.issuer.url}|rita`;
    const reader = await second.as('rita');
    const path = `/v1/namespaces/acme/members/${encodeURIComponent(rita)}`;
    await olga.put(path, { role: 'reader' });
    expect((await reader.get(secret)).status).toBe(200);
    await olga.delete(path);
    expect((await reader.get(secret)).status).toBe(404);
  });

  it('hide at the next request what was public, whatever is kept in memory', async () => {
    await olga.publish({ name: 'acme/shown' });
    const uma = await second.as('uma');
    const path = '/v1/proxylets/acme/shown';
    for (let read = 0; read < 3; read += 1) expect((await uma.get(path)).status).toBe(200);
    await olga.patch(path, { visibility: 'private', reason: 'too early' });
    expect((await uma.get(path)).status).toBe(404);
  });
});
