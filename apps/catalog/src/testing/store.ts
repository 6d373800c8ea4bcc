import type { BlobArea, BlobKey, BlobStore } from '../blob/blob-store.js';
// The built catalog: what is tested is what ships.
import { BLOB_STORE } from '../../dist/tokens.js';
import type { CatalogUnderTest } from './catalog-under-test.js';

export function storeOf(catalog: CatalogUnderTest): BlobStore {
  return catalog.app.nest.get<BlobStore>(BLOB_STORE);
}

/** What lies in the store of a catalog, whatever refers to it. */
export async function keysIn(catalog: CatalogUnderTest, area: BlobArea): Promise<BlobKey[]> {
  const keys: BlobKey[] = [];
  for await (const { key } of storeOf(catalog).list(area)) keys.push(key);
  return keys.toSorted();
}
