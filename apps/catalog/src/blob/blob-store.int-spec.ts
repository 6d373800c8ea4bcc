import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Digest } from '@proxylet/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BlobInfo, BlobStore } from './blob-store.js';
import { FolderBlobStore } from './folder-blob-store.js';
import { S3BlobStore } from './s3-blob-store.js';

// oxlint-disable-next-line node/no-process-env -- the endpoint of a test server is no setting of the product
const { PROXYLET_TEST_S3_ENDPOINT: endpoint, CI } = process.env;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blobs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileWith(bytes: Buffer): Promise<{ file: string; digest: Digest }> {
  const hex = createHash('sha256').update(bytes).digest('hex');
  const file = join(folder, `staged-${hex}-${randomBytes(4).toString('hex')}`);
  await writeFile(file, bytes);
  return { file, digest: `sha256:${hex}` };
}

async function bytesOf(stream: Readable | undefined): Promise<Buffer | undefined> {
  return stream === undefined ? undefined : await buffer(stream);
}

/** What every form of the store must do. */
function blobStoreSuite(name: string, make: () => BlobStore): void {
  describe(`${name} as a blob store`, () => {
    let store: BlobStore;
    beforeAll(async () => {
      store = make();
      await store.probe();
    });

    it('gives back what was put, whole and in ranges', async () => {
      const bytes = randomBytes(100_000);
      const { file, digest } = await fileWith(bytes);
      await store.put(file, digest);
      expect(await store.head(digest)).toEqual({ digest, sizeBytes: 100_000 });
      expect(await bytesOf(await store.open(digest))).toEqual(bytes);
      expect(await bytesOf(await store.open(digest, { start: 10, end: 19 }))).toEqual(bytes.subarray(10, 20));
      expect(await bytesOf(await store.open(digest, { start: 99_999, end: 99_999 }))).toEqual(
        bytes.subarray(-1),
      );
    });

    it('refuses bytes of another digest and stores nothing', async () => {
      const { file } = await fileWith(randomBytes(100));
      const { digest } = await fileWith(randomBytes(100));
      await expect(store.put(file, digest)).rejects.toMatchObject({ code: 'digest-mismatch' });
      expect(await store.head(digest)).toBeUndefined();
    });

    it('takes the same blob again, also eight times at once', async () => {
      const bytes = randomBytes(50_000);
      const staged = await Promise.all(Array.from({ length: 8 }, () => fileWith(bytes)));
      await Promise.all(staged.map(({ file, digest }) => store.put(file, digest)));
      for (const { digest } of staged) expect(await bytesOf(await store.open(digest))).toEqual(bytes);
    });

    it('keeps an empty and a large blob', async () => {
      for (const size of [0, 9_000_000]) {
        const bytes = randomBytes(size);
        const { file, digest } = await fileWith(bytes);
        await store.put(file, digest);
        expect((await bytesOf(await store.open(digest)))?.equals(bytes)).toBe(true);
      }
    });

    it('says undefined for what is not there, and deletes it without complaint', async () => {
      const { digest } = await fileWith(randomBytes(10));
      expect(await store.open(digest)).toBeUndefined();
      expect(await store.head(digest)).toBeUndefined();
      await expect(store.delete(digest)).resolves.toBeUndefined();
    });

    it('lists what it has, and no longer what was deleted', async () => {
      const kept = await fileWith(randomBytes(11));
      const deleted = await fileWith(randomBytes(12));
      for (const { file, digest } of [kept, deleted]) await store.put(file, digest);
      await store.delete(deleted.digest);
      const listed: BlobInfo[] = [];
      for await (const info of store.list()) listed.push(info);
      expect(listed).toContainEqual({ digest: kept.digest, sizeBytes: 11 });
      expect(listed.map(({ digest }) => digest)).not.toContain(deleted.digest);
    });
  });
}

blobStoreSuite('a folder', () => new FolderBlobStore(join(folder, 'store')));

if (endpoint !== undefined && endpoint !== '') {
  const options = {
    endpoint,
    bucket: `test-${randomBytes(4).toString('hex')}`,
    region: 'us-east-1',
    accessKey: 'proxylet',
    secretKey: 'proxylet-secret',
  };
  blobStoreSuite('a bucket', () => new S3BlobStore(options));

  it('says storage-unavailable where the object store refuses its keys', async () => {
    const store = new S3BlobStore({ ...options, secretKey: 'wrong' });
    await expect(store.probe()).rejects.toMatchObject({ code: 'storage-unavailable' });
    const { file, digest } = await fileWith(randomBytes(10));
    await expect(store.put(file, digest)).rejects.toMatchObject({ code: 'storage-unavailable' });
  });
} else {
  it('has an S3 server to test against where it must', () => {
    expect(CI, 'PROXYLET_TEST_S3_ENDPOINT is not set: start one with scripts/rgw.mjs').not.toBe('true');
  });
}

it('says storage-unavailable where nobody listens at the object store', async () => {
  const dead = {
    endpoint: 'http://127.0.0.1:9',
    bucket: 'b',
    region: 'us-east-1',
    accessKey: 'a',
    secretKey: 'b',
  };
  const store = new S3BlobStore(dead);
  await expect(store.head(`sha256:${'0'.repeat(64)}`)).rejects.toMatchObject({ code: 'storage-unavailable' });
});

describe('the folder store', () => {
  it('leaves no other file than the blob', async () => {
    const root = join(folder, 'clean');
    const { file, digest } = await fileWith(randomBytes(10));
    await new FolderBlobStore(root).put(file, digest);
    const files = await readdir(root, { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile()).map((entry) => entry.name)).toEqual([digest.slice(7)]);
  });

  it('repairs an altered blob when the same bytes are put again', async () => {
    const root = join(folder, 'repair');
    const store = new FolderBlobStore(root);
    const first = await fileWith(Buffer.from('good'));
    await store.put(first.file, first.digest);
    const hex = first.digest.slice(7);
    await writeFile(join(root, 'sha256', hex.slice(0, 2), hex), 'evil');
    const again = await fileWith(Buffer.from('good'));
    await store.put(again.file, again.digest);
    expect(await readFile(join(root, 'sha256', hex.slice(0, 2), hex), 'utf8')).toBe('good');
  });

  it('says storage-unavailable, and not that a blob is missing, where its disk is gone', async () => {
    const root = join(folder, 'gone');
    const store = new FolderBlobStore(root);
    await mkdir(root);
    await rm(root, { recursive: true });
    await writeFile(root, 'a file where the folder was');
    const { file, digest } = await fileWith(randomBytes(10));
    for (const use of [() => store.put(file, digest), () => store.open(digest), () => store.probe()]) {
      await expect(use()).rejects.toMatchObject({ code: 'storage-unavailable' });
    }
  });
});
