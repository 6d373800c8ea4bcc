import { afterAll, beforeAll, expect, it } from 'vitest';
import { AuditRow, Database } from '../dist/index.js';
import { type CatalogUnderTest, startCatalog } from './testing/catalog-under-test.js';

let catalog: CatalogUnderTest;
beforeAll(async () => {
  catalog = await startCatalog();
});
afterAll(() => catalog[Symbol.asyncDispose]());

it('has one entry for every change, in order, and none for what changed nothing or was refused', async () => {
  const paula = await catalog.as('paula');
  const bob = await catalog.as('bob');
  const version = '/v1/proxylets/acme/a/versions/1.0.0';
  for (let round = 0; round < 2; round += 1) {
    await paula.put('/v1/namespaces/acme');
    await paula.put('/v1/namespaces/acme/members/mia', { role: 'publisher' });
    await paula.publish({ name: 'acme/a' });
    await paula.publish({ name: 'acme/a', main: `export default { fetch() {} }; // ${round}` });
    await bob.publish({ name: 'acme/a', version: '6.6.6' });
    await paula.put('/v1/proxylets/acme/a/channels/next', { version: '1.0.0' });
    await paula.put('/v1/services/acme/s', { version: '1.0.0', proxylets: { 'acme/a': '*' } });
    await paula.patch(version, { state: 'deprecated', reason: 'old' });
  }
  await paula.delete('/v1/namespaces/acme/members/mia');

  const rows = await catalog.app.nest.get(Database).read.find(AuditRow, { order: { seq: 'ASC' } });
  expect(rows.map(({ action, target }) => `${action} ${target}`)).toEqual([
    'namespace.create acme',
    'member.set acme',
    'version.publish acme/a@1.0.0',
    'channel.move acme/a#next',
    'service.register acme/s@1.0.0',
    'version.state acme/a@1.0.0',
    'member.remove acme',
  ]);
  expect(new Set(rows.map(({ actor }) => actor))).toEqual(new Set([`user|${catalog.issuer.url}|paula`]));
});
