import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@proxylet/nest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// The built catalog: what is tested is what ships.
import { Database } from '../../dist/index.js';
import { openSecretBox, placeOfWebhook } from '../../dist/sealing/open-box.js';
import type { SecretBox } from '../../dist/sealing/secret-box.js';
import { WebhookRow } from '../../dist/database/webhook.entity.js';
import { hasPostgres, startPostgres, type TestPostgres } from '../testing/postgres.js';

const log = createLog({ name: 'test', level: 'silent' });
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const folders: string[] = [];
const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'sealing-'));
  folders.push(path);
  return path;
};
afterAll(async () => {
  for (const path of folders) await rm(path, { recursive: true, force: true });
});

/** With a webhook as catalogs had it before they sealed anything. */
async function oldDatabase(url?: string): Promise<{ database: Database; folder: string }> {
  const path = await folder();
  const database = await Database.open({ url, folder: path });
  await database.write('test', async (manager) => {
    await manager.query(
      `INSERT INTO namespace (name, canonical, created_by, created_at) VALUES ('acme', 'acme', 'x', '2026')`,
    );
    await manager.insert(WebhookRow, {
      id: 'wh_1',
      namespace: 'acme',
      url: 'https://example.org/',
      secret,
      events: '[]',
      isActive: 1,
      position: 0,
      createdBy: 'user|i|s',
      createdAt: '2026-01-01T00:00:00.000Z',
    });
  });
  return { database, folder: path };
}

const kept = async (database: Database): Promise<string> =>
  (await database.read.findOneByOrFail(WebhookRow, { id: 'wh_1' })).secret;
const opened = async (database: Database, box: SecretBox): Promise<string> =>
  box.open(await kept(database), placeOfWebhook('wh_1'));

describe('the secrets in a database', () => {
  it('are sealed at the first start, under a key that is made once and is its owner’s alone', async () => {
    const sut = await oldDatabase();
    const first = await openSecretBox({ ...sut, given: undefined, log });
    const file = join(sut.folder, 'secrets.key');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await kept(sut.database)).not.toContain(secret.slice(8, 20));
    expect(await opened(sut.database, first)).toBe(secret);
    const key = await readFile(file, 'utf8');
    const again = await openSecretBox({ ...sut, given: undefined, log });
    expect(await opened(sut.database, again)).toBe(secret);
    expect(await readFile(file, 'utf8')).toBe(key);
    await chmod(file, 0o644);
    expect(await opened(sut.database, await openSecretBox({ ...sut, given: undefined, log }))).toBe(secret);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await sut.database.close();
  });

  it('stop the start of a catalog that has another key, and say what to set', async () => {
    const sut = await oldDatabase();
    await openSecretBox({ ...sut, given: undefined, log });
    const elsewhere = { ...sut, folder: await folder(), given: undefined, log };
    await expect(openSecretBox(elsewhere)).rejects.toThrow('PROXYLET_CATALOG_SECRETS_KEY');
    const shared = Buffer.from((await readFile(join(sut.folder, 'secrets.key'), 'utf8')).trim(), 'base64');
    const box = await openSecretBox({ ...elsewhere, given: [shared] });
    expect(await opened(sut.database, box)).toBe(secret);
    await sut.database.close();
  });

  it('follow from one key to the next', async () => {
    const sut = await oldDatabase();
    const [old, next] = [randomBytes(32), randomBytes(32)];
    await openSecretBox({ ...sut, given: [old], log });
    await openSecretBox({ ...sut, given: [next, old], log });
    expect(await opened(sut.database, await openSecretBox({ ...sut, given: [next], log }))).toBe(secret);
    // The key is lost: the catalog starts, and this secret stays closed.
    const box = await openSecretBox({ ...sut, given: [randomBytes(32)], log });
    await expect(opened(sut.database, box)).rejects.toThrow('not at hand');
    await sut.database.close();
  });
});

describe.runIf(hasPostgres)('two catalogs on one PostgreSQL', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());

  it('start both with one key, and only the first of them with two', async () => {
    const { database, ...one } = await oldDatabase(postgres.url);
    const two = { folder: await folder() };
    const starts = await Promise.allSettled(
      [one, two].map((each) => openSecretBox({ ...each, database, given: undefined, log })),
    );
    expect(starts.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const given = [randomBytes(32)];
    await Promise.all([one, two].map((each) => openSecretBox({ ...each, database, given, log })));
    await database.close();
  });
});
