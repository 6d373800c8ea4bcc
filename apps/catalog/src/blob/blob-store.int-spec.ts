import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasS3, makeBucket } from '../testing/bucket.js';
import { artifactKey, type BlobArea, type BlobInfo, type BlobKey, type BlobStore } from './blob-store.js';
import { FolderBlobStore } from './folder-blob-store.js';
import { S3BlobStore } from './s3-blob-store.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blobs-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function fileWith(bytes: Buffer): Promise<{ file: string; key: BlobKey }> {
  const hex = createHash('sha256').update(bytes).digest('hex');
  const generation = randomBytes(8).toString('hex');
  const file = join(folder, `staged-${hex}-${generation}`);
  await writeFile(file, bytes);
  return { file, key: artifactKey(`sha256:${hex}`, generation) };
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

    it.each(['from a file', 'from memory'])(
      'gives back what was put %s, whole and in ranges',
      async (from) => {
        const bytes = randomBytes(100_000);
        const { file, key } = await fileWith(bytes);
        await store.put(key, from === 'from a file' ? file : bytes);
        expect(await store.head(key)).toMatchObject({ key, sizeBytes: 100_000 });
        expect(await bytesOf(await store.open(key))).toEqual(bytes);
        expect(await bytesOf(await store.open(key, { start: 10, end: 19 }))).toEqual(bytes.subarray(10, 20));
        expect(await bytesOf(await store.open(key, { start: 99_999, end: 99_999 }))).toEqual(
          bytes.subarray(-1),
        );
      },
    );

    it('keeps the same bytes under several keys apart', async () => {
      const bytes = randomBytes(50_000);
      const staged = await Promise.all(Array.from({ length: 8 }, () => fileWith(bytes)));
      await Promise.all(staged.map(({ file, key }) => store.put(key, file)));
      const [first, ...others] = staged;
      await store.delete(first?.key ?? 'uploads/none');
      expect(await store.head(first?.key ?? 'uploads/none')).toBeUndefined();
      for (const { key } of others) expect(await bytesOf(await store.open(key))).toEqual(bytes);
    });

    it('keeps an empty and a large blob', async () => {
      for (const size of [0, 9_000_000]) {
        const bytes = randomBytes(size);
        const { file, key } = await fileWith(bytes);
        await store.put(key, file);
        expect((await bytesOf(await store.open(key)))?.equals(bytes)).toBe(true);
      }
    });

    it('says undefined for what is not there, and deletes it without complaint', async () => {
      const { key } = await fileWith(randomBytes(10));
      expect(await store.open(key)).toBeUndefined();
      expect(await store.head(key)).toBeUndefined();
      await expect(store.delete(key)).resolves.toBeUndefined();
    });

    it('lists what it has of each area, and no longer what was deleted', async () => {
      const startedMs = Date.now();
      const kept = await fileWith(randomBytes(11));
      const deleted = await fileWith(randomBytes(12));
      const part: BlobKey = `uploads/${randomUUID()}/0.abcd`;
      for (const { file, key } of [kept, deleted]) await store.put(key, file);
      await store.put(part, Buffer.from('part'));
      await store.delete(deleted.key);
      const listed = await listOf(store, 'sha256/');
      const found = listed.find(({ key }) => key === kept.key);
      expect(found).toMatchObject({ sizeBytes: 11 });
      // The clock of an object store counts whole seconds and is not ours.
      expect(Math.abs((found?.modifiedAtMs ?? 0) - startedMs)).toBeLessThan(60_000);
      expect(listed.map(({ key }) => key)).not.toContain(deleted.key);
      expect(listed.map(({ key }) => key)).not.toContain(part);
      expect((await listOf(store, 'uploads/')).map(({ key }) => key)).toEqual([part]);
      await store.delete(part);
      expect(await listOf(store, 'uploads/')).toEqual([]);
    });
  });
}

async function listOf(store: BlobStore, area: BlobArea): Promise<BlobInfo[]> {
  const listed: BlobInfo[] = [];
  for await (const info of store.list(area)) listed.push(info);
  return listed;
}

blobStoreSuite('a folder', () => new FolderBlobStore(join(folder, 'store')));

if (hasS3) {
  const bucket = makeBucket();
  afterAll(() => bucket[Symbol.asyncDispose]());
  blobStoreSuite('a bucket', () => new S3BlobStore(bucket));

  it('says storage-unavailable where the object store refuses its keys', async () => {
    const store = new S3BlobStore({ ...bucket, secretKey: 'wrong' });
    await expect(store.probe()).rejects.toMatchObject({ code: 'storage-unavailable' });
    const { file, key } = await fileWith(randomBytes(10));
    await expect(store.put(key, file)).rejects.toMatchObject({ code: 'storage-unavailable' });
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
  await expect(store.head(artifactKey(`sha256:${'0'.repeat(64)}`))).rejects.toMatchObject({
    code: 'storage-unavailable',
  });
});

describe('the folder store', () => {
  it('leaves no other file than the blob', async () => {
    const root = join(folder, 'clean');
    const { file, key } = await fileWith(randomBytes(10));
    await new FolderBlobStore(root).put(key, file);
    const files = await readdir(root, { recursive: true, withFileTypes: true });
    expect(files.filter((entry) => entry.isFile()).map((entry) => entry.name)).toEqual([
      key.split('/').at(-1),
    ]);
  });

  it('never writes over what is there', async () => {
    const store = new FolderBlobStore(join(folder, 'once'));
    const { key } = await fileWith(Buffer.from('good'));
    await store.put(key, Buffer.from('good'));
    await expect(store.put(key, Buffer.from('evil'))).rejects.toMatchObject({ code: 'storage-unavailable' });
    expect(await bytesOf(await store.open(key))).toEqual(Buffer.from('good'));
  });

  it('makes its folders again where somebody took them away', async () => {
    const root = join(folder, 'taken');
    const store = new FolderBlobStore(root);
    const { key } = await fileWith(randomBytes(10));
    await store.put(key, Buffer.from('1'));
    await rm(root, { recursive: true });
    await expect(store.put(key, Buffer.from('2'))).rejects.toMatchObject({ code: 'storage-unavailable' });
    await store.put(key, Buffer.from('3'));
    expect(await bytesOf(await store.open(key))).toEqual(Buffer.from('3'));
  });

  it('says storage-unavailable, and not that a blob is missing, where its disk is gone', async () => {
    const root = join(folder, 'gone');
    const store = new FolderBlobStore(root);
    await mkdir(root);
    await rm(root, { recursive: true });
    await writeFile(root, 'a file where the folder was');
    const { file, key } = await fileWith(randomBytes(10));
    for (const use of [() => store.put(key, file), () => store.open(key), () => store.probe()]) {
      await expect(use()).rejects.toMatchObject({ code: 'storage-unavailable' });
    }
  });
});
