import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { OwnServer, startTestCatalogs, type TestCatalogs } from '@proxylet/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { copyBucket, hasS3, makeBucket } from '../testing/bucket.js';
import { hasPostgres } from '../testing/postgres.js';

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'backup-'));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

type Settings = Readonly<Record<string, string>>;
type Json = Record<string, unknown>;

/** `npm run catalog -- <command>` */
async function tool(settings: Settings, ...args: readonly string[]): Promise<Json> {
  const main = fileURLToPath(new URL('../../dist/tool.js', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env: settings });
  return JSON.parse(stdout) as Json;
}

/** What a user does with the catalog of a test. */
class User {
  constructor(
    private readonly test: TestCatalogs,
    private readonly authorization: string,
  ) {}

  static async paula(test: TestCatalogs): Promise<User> {
    return new User(test, await test.bearer('paula'));
  }

  async ask(path: string, init: RequestInit = {}): Promise<{ status: number; bytes: Buffer; json: Json }> {
    const [catalog] = this.test.catalogs;
    const headers = { authorization: this.authorization, ...(init.headers as Settings | undefined) };
    const response = await fetch(`${catalog?.url}${path}`, { ...init, headers });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, bytes, json: isJson ? (JSON.parse(bytes.toString()) as Json) : {} };
  }

  async publish(version: string, readme = 'read me'): Promise<number> {
    const body = new Uint8Array(archiveOf({ name: 'acme/kept', version, readme }));
    const headers = { 'content-type': 'application/gzip' };
    return (await this.ask(pathOf(version), { method: 'PUT', headers, body })).status;
  }

  async yank(version: string): Promise<void> {
    const body = JSON.stringify({ state: 'yanked', reason: 'it breaks' });
    const headers = { 'content-type': 'application/json' };
    expect((await this.ask(pathOf(version), { method: 'PATCH', headers, body })).status).toBe(200);
  }

  async stateOf(version: string): Promise<unknown> {
    return (await this.ask(pathOf(version))).json['state'];
  }
}

const pathOf = (version: string) => `/v1/proxylets/acme/kept/versions/${version}`;

/** Before the backup: 1.0.0 yanked, 1.1.0 published. */
async function fill(user: User): Promise<void> {
  await user.ask('/v1/namespaces/acme', { method: 'PUT' });
  for (const version of ['1.0.0', '1.1.0']) expect(await user.publish(version)).toBe(201);
  await user.yank('1.0.0');
}

/** After the backup: what will be lost. */
async function goOn(user: User): Promise<void> {
  await user.yank('1.1.0');
  expect(await user.publish('1.2.0')).toBe(201);
}

/** What the guide promises of a catalog that was restored. */
async function assertRestored(user: User, oldEpoch: unknown): Promise<void> {
  expect(await user.stateOf('1.0.0')).toBe('yanked');
  // Later than the backup: both are as if they had never been.
  expect(await user.stateOf('1.1.0')).toBe('published');
  expect((await user.ask(pathOf('1.2.0'))).status).toBe(404);
  expect(await user.publish('1.2.0', 'other bytes')).toBe(201);
  const { items } = (await user.ask('/v1/proxylets/acme/kept/versions?limit=100')).json as {
    items: { version: string; digest: string }[];
  };
  for (const { digest } of items) {
    const { bytes } = await user.ask(`/v1/blobs/${digest}`);
    expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(digest);
  }
  expect((await user.ask('/v1/changes')).json['epoch']).not.toBe(oldEpoch);
  expect((await user.ask(`/v1/changes?since=1&epoch=${String(oldEpoch)}`)).status).toBe(410);
}

describe('an embedded catalog', () => {
  it('is copied while it publishes, and is again what it was at that moment', async () => {
    await using test = await startTestCatalogs();
    const [catalog] = test.catalogs;
    const [stateDir = ''] = test.folders;
    const settings = { PROXYLET_STATE_DIR: stateDir };
    const user = await User.paula(test);
    await fill(user);
    const oldEpoch = (await user.ask('/v1/changes')).json['epoch'];
    const target = join(scratch, 'copy');
    const [report] = await Promise.all([
      tool(settings, 'backup', target),
      ...Array.from({ length: 20 }, (_, i) => user.publish(`0.${i}.0`)),
    ]);
    expect(report).toMatchObject({ folder: target, archives: expect.any(Number) });
    expect(JSON.parse(await readFile(join(target, 'backup.json'), 'utf8'))).toEqual(report);
    expect((await stat(join(target, 'secrets.key'))).mode & 0o777).toBe(0o600);
    await goOn(user);

    await catalog?.stop();
    await rm(join(stateDir, 'catalog'), { recursive: true });
    await cp(target, join(stateDir, 'catalog'), { recursive: true });
    expect(await tool(settings, 'restored')).toMatchObject({ missing: [] });
    await catalog?.start();
    await assertRestored(user, oldEpoch);
  });

  it('is brought up to date in the folder of an earlier copy', async () => {
    await using test = await startTestCatalogs();
    const [stateDir = ''] = test.folders;
    const settings = { PROXYLET_STATE_DIR: stateDir };
    const user = await User.paula(test);
    await fill(user);
    const target = join(scratch, 'copy');
    expect(await tool(settings, 'backup', target)).toMatchObject({ archives: 2, copied: 2 });
    await goOn(user);
    expect(await tool(settings, 'backup', target)).toMatchObject({ archives: 3, copied: 1 });
  });

  it('says which versions came back without their archive', async () => {
    await using test = await startTestCatalogs();
    const [catalog] = test.catalogs;
    const [stateDir = ''] = test.folders;
    const user = await User.paula(test);
    await fill(user);
    await catalog?.stop();
    await rm(join(stateDir, 'catalog/blobs/sha256'), { recursive: true });
    const refused = tool({ PROXYLET_STATE_DIR: stateDir }, 'restored');
    await expect(refused).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('acme/kept@1.1.0'),
    });
  });

  it('is left alone by a restore while it runs, and by a backup into what is no folder', async () => {
    await using test = await startTestCatalogs();
    const settings = { PROXYLET_STATE_DIR: test.folders[0] ?? '' };
    await expect(tool(settings, 'restored')).rejects.toMatchObject({ code: 73 });
    await writeFile(join(scratch, 'file'), '');
    await expect(tool(settings, 'backup', join(scratch, 'file'))).rejects.toMatchObject({ code: 1 });
    await expect(tool(settings, 'backup')).rejects.toMatchObject({ code: 64 });
  });
});

describe.runIf(hasPostgres && hasS3)('a catalog in PostgreSQL and an object store', () => {
  it('is dumped and copied while it publishes, and is again what it was at that moment', async () => {
    await using postgres = await OwnServer.start('postgres');
    await using bucket = makeBucket();
    await using second = makeBucket();
    const settings = { ...bucket.settings, PROXYLET_CATALOG_DATABASE_URL: postgres.url };
    await using test = await startTestCatalogs({ settings });
    const user = await User.paula(test);
    await fill(user);
    const oldEpoch = (await user.ask('/v1/changes')).json['epoch'];
    const dump = join(scratch, 'catalog.dump');
    const busy = Promise.all(Array.from({ length: 20 }, (_, i) => user.publish(`0.${i}.0`)));
    await postgres.run('pg_dump', ['--format=custom', `--file=${dump}`, postgres.url]);
    await copyBucket(bucket, second);
    await busy;
    await goOn(user);
    for (const catalog of test.catalogs) await catalog.stop();

    const target = new URL(postgres.url);
    target.pathname = '/restored';
    await postgres.run('createdb', ['--maintenance-db', postgres.url, 'restored']);
    await postgres.run('pg_restore', ['--exit-on-error', '--dbname', target.href, dump]);
    // Read at each start.
    Object.assign(settings, second.settings, { PROXYLET_CATALOG_DATABASE_URL: target.href });
    expect(await tool({ ...settings, PROXYLET_STATE_DIR: scratch }, 'restored')).toMatchObject({
      missing: [],
    });
    for (const catalog of test.catalogs) await catalog.start();
    await assertRestored(user, oldEpoch);
  }, 180_000);
});
