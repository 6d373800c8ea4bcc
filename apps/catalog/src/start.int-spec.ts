import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CatalogUnderTest, startCatalog } from './testing/catalog-under-test.js';

let catalog: CatalogUnderTest;
let folder: string;
beforeAll(async () => {
  catalog = await startCatalog();
  folder = await mkdtemp(join(tmpdir(), 'start-'));
});
afterAll(async () => {
  await catalog[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Runs the built service until it ends by itself. */
async function run(environment: Readonly<Record<string, string>>) {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PROXYLET_STATE_DIR: folder, PROXYLET_CATALOG_PORT: '0', ...environment },
  });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { code: code as number, lastLine: stderr.trim().split('\n').at(-1) ?? '' };
}

describe('a catalog that cannot start', () => {
  it('names every wrong setting and no value, and ends with 64', async () => {
    const { code, lastLine } = await run({
      PROXYLET_CATALOG_DATABASE_URL: 'mysql://root:hunter2@host/db',
      PROXYLET_CATALOG_S3_BUCKET: 'x',
    });
    expect(code).toBe(64);
    expect(lastLine).toContain('PROXYLET_CATALOG_DATABASE_URL');
    expect(lastLine).toContain('PROXYLET_CATALOG_S3_BUCKET');
    expect(lastLine).not.toContain('hunter2');
  });

  it('asks for the keys that belong to an S3 endpoint', async () => {
    const { code, lastLine } = await run({ PROXYLET_CATALOG_S3_ENDPOINT: 'http://127.0.0.1:1' });
    expect(code).toBe(64);
    expect(lastLine).toContain('PROXYLET_CATALOG_S3_SECRET_KEY');
  });

  it('leaves a state folder alone that another catalog uses', async () => {
    const { code, lastLine } = await run({ PROXYLET_STATE_DIR: join(catalog.folder, '..') });
    expect(code).toBe(73);
    expect(lastLine).toContain('in use by another catalog');
  });

  it('says in one sentence that its database cannot be reached', async () => {
    const { code, lastLine } = await run({
      PROXYLET_CATALOG_DATABASE_URL: 'postgres://a:hunter2@127.0.0.1:9/db',
    });
    expect(code).toBe(70);
    expect(lastLine).toContain('storage');
    expect(lastLine).not.toContain('hunter2');
  });
});

describe('what needs no token', () => {
  it.each(['/version', '/health/live', '/health/ready', '/metrics', '/openapi.json', '/docs'])(
    '%s',
    async (path) => {
      expect((await catalog.anonymous().get(path)).status).toBe(200);
    },
  );

  it('is nothing else but the exchange of tokens: every other documented route answers 401', async () => {
    const { paths } = (await catalog.anonymous().get('/openapi.json')).body as {
      paths: Record<string, Record<string, { security?: unknown[] }>>;
    };
    const routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { security = [] }]) => ({ path, method, security })),
    );
    const open = routes.filter(({ path, security }) => path.startsWith('/v1/') && security.length === 0);
    expect(open.map(({ path, method }) => `${method} ${path}`)).toEqual(['post /v1/tokens/exchange']);
    for (const { path, method, security } of routes) {
      if (security.length === 0) continue;
      const response = await fetch(catalog.url + path.replaceAll(/\{\w+\}/g, 'x'), {
        method: method.toUpperCase(),
      });
      expect(`${method} ${path} ${response.status}`).toBe(`${method} ${path} 401`);
      expect(response.headers.get('www-authenticate')).toContain('Bearer');
    }
  });
});
