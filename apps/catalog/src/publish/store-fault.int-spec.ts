import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';

let catalog: CatalogUnderTest;
let paula: Caller;
beforeAll(async () => {
  catalog = await startCatalog();
  paula = await catalog.as('paula');
  await paula.put('/v1/namespaces/acme');
});
afterAll(() => catalog[Symbol.asyncDispose]());

describe('a store that fails', () => {
  it('answers 503, loses nothing, and works again when it is back', async () => {
    const blobs = join(catalog.folder, 'blobs');
    await rename(blobs, `${blobs}.away`);
    await writeFile(blobs, 'a file where the disk was');
    const failed = await paula.publish({ name: 'acme/disk' });
    expect(failed.status).toBe(503);
    expect(failed.body).toMatchObject({ code: 'storage-unavailable' });
    expect((await catalog.anonymous().get('/health/ready')).status).toBe(503);
    await rm(blobs);
    await rename(`${blobs}.away`, blobs);
    expect((await paula.get('/v1/proxylets/acme/disk')).status).toBe(404);
    expect((await paula.publish({ name: 'acme/disk' })).status).toBe(201);
    expect(await readdir(join(catalog.folder, 'staging'))).toEqual([]);
  });
});
