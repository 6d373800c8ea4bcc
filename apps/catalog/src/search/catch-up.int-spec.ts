import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Database } from '../../dist/index.js';
import { testBackend } from '../testing/backend.config.js';
import { startCatalog } from '../testing/catalog-under-test.js';
import { startMigrated } from '../testing/postgres.js';

it('indexes at the start what was not, or is in another form', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'catch-up-'));
  await using postgres = testBackend() === 'embedded' ? undefined : await startMigrated();
  const settings = {
    PROXYLET_STATE_DIR: stateDir,
    ...(postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url }),
  };
  try {
    {
      await using before = await startCatalog(settings);
      const paula = await before.as('paula');
      await paula.put('/v1/namespaces/acme');
      await paula.publish({ name: 'acme/meter', manifest: { keywords: ['energy'] } });
      await paula.publish({ name: 'acme/gauge' });
    }
    const opened = await Database.open({ url: postgres?.url, folder: join(stateDir, 'catalog') });
    await opened.write('test', async (manager) => {
      for (const table of ['search_posting', 'namespace_skeleton'])
        await manager.query(`DELETE FROM ${table}`);
      await manager.query(`DELETE FROM search_doc WHERE name = 'meter'`);
      await manager.query(`UPDATE search_doc SET format = 0`);
    });
    await opened.close();
    await using after = await startCatalog(settings);
    const reader = await after.as('rita');
    for (const [q, name] of [
      ['enery', 'acme/meter'],
      ['gau', 'acme/gauge'],
    ])
      expect((await reader.get(`/v1/proxylets?q=${q}`)).body.items).toMatchObject([{ name }]);
    expect((await reader.put('/v1/namespaces/acrne')).body).toMatchObject({ code: 'name-confusable' });
  } finally {
    await rm(stateDir, { recursive: true, force: true });
  }
});
