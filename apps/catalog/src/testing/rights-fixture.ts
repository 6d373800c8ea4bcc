import { expect } from 'vitest';
import { archiveOf } from './archives.js';
import { type Caller, type CatalogUnderTest, startCatalog } from './catalog-under-test.js';
import { everyScope } from './issuer.js';
import { type Digests, type Kind, soon } from './rights-kinds.js';
import { body } from './rights-table.js';

export interface RightsFixture extends AsyncDisposable {
  readonly catalog: CatalogUnderTest;
  readonly digests: Digests;
  readonly callers: Readonly<Record<Kind, Caller>>;
}

/** A catalog with a caller of every kind, and with proxylets of every visibility. */
export async function rightsFixture(settings: Readonly<Record<string, string>>): Promise<RightsFixture> {
  const catalog = await startCatalog(settings);
  const olga = await catalog.as('olga');
  const fred = await catalog.as('fred');
  const admin = await catalog.as({
    subject: 'adam',
    roles: ['platform-admin'],
    scope: `${everyScope} catalog:admin audit:read`,
  });
  await olga.put('/v1/namespaces/acme');
  await fred.put('/v1/namespaces/other');
  const member = (key: string, role: string) =>
    olga.put(`/v1/namespaces/acme/members/${encodeURIComponent(key)}`, { role });
  await member('mia', 'maintainer');
  await member('paul', 'publisher');
  await member('rita', 'reader');
  await member(`service|${catalog.issuer.url}|test-client`, 'reader');
  await member(`role:${catalog.issuer.url}|guests`, 'reader');
  const digests: Record<string, string> = {};
  for (const [name, visibility] of [
    ['acme/pub', 'public'],
    ['acme/int', 'internal'],
    ['acme/priv', 'private'],
    ['acme/held', 'public'],
    ['acme/held-too', 'public'],
  ] as const) {
    const published = await olga.send(
      `/v1/proxylets/${name}/versions/1.0.0`,
      archiveOf({ name, readme: `# ${name}` }),
    );
    expect(published.status).toBe(201);
    digests[name] = String(published.body.digest);
    await olga.put(`/v1/proxylets/${name}/channels/next`, { version: '1.0.0' });
    await olga.put(`/v1/services/${name}`, { version: '1.0.0', proxylets: { [name]: '*' } });
    await olga.patch(`/v1/proxylets/${name}`, { visibility, reason: 'for the test' });
  }
  await olga.publish({ name: 'acme/top', manifest: { dependencies: { 'acme/priv': '^1' } } });
  await admin.patch('/v1/proxylets/acme/held-too/versions/1.0.0', { state: 'quarantined', reason: 'bad' });
  await olga.put('/v1/namespaces/acme/trust-policies/kept', body.policy);
  const tokenOf = async (owner: Caller, namespace: string) => {
    const made = await owner.post('/v1/tokens', {
      label: 'of the table',
      actions: ['publish', 'yank', 'channel', 'read'],
      resources: [`${namespace}/*`],
      expiresAt: soon(),
    });
    return catalog.bearing(String(made.body.token));
  };
  return {
    catalog,
    digests,
    callers: {
      anonymous: catalog.anonymous(),
      user: await catalog.as('uma'),
      'foreign owner': fred,
      reader: await catalog.as('rita'),
      'group reader': await catalog.as({ subject: 'greta', roles: ['guests'] }),
      publisher: await catalog.as('paul'),
      maintainer: await catalog.as('mia'),
      owner: olga,
      admin,
      engine: await catalog.as({ subject: 'test-client', scope: 'catalog:read' }),
      'token within': await tokenOf(olga, 'acme'),
      'token elsewhere': await tokenOf(fred, 'other'),
    },
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}
