import { join } from 'node:path';
import type { CatalogConfig } from '../catalog.config.js';
import type { BlobStore } from './blob-store.js';
import { FolderBlobStore } from './folder-blob-store.js';

/** The store the settings name: an S3 bucket, or the folder `blobs` of the catalog's own. */
export async function openBlobStore(config: CatalogConfig, folder: string): Promise<BlobStore> {
  const { s3Endpoint, s3AccessKey, s3SecretKey, s3Bucket: bucket, s3Region: region } = config;
  if (s3Endpoint === undefined || s3AccessKey === undefined || s3SecretKey === undefined) {
    const store = new FolderBlobStore(join(folder, 'blobs'));
    await store.probe();
    return store;
  }
  // Loaded only where it is used: it costs a third of a quick start.
  const { S3BlobStore } = await import('./s3-blob-store.js');
  return new S3BlobStore({
    endpoint: s3Endpoint,
    bucket,
    region,
    accessKey: s3AccessKey,
    secretKey: s3SecretKey,
    publicEndpoint: config.s3PublicEndpoint,
  });
}
