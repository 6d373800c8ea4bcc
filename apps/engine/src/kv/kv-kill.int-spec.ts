import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CatalogDouble } from '../../test/catalog-double.js';
import { EngineProcess } from '../../test/engine-process.js';
import { Issuer } from '../../test/issuer.js';

/** `PUT /k` writes and answers with the version; `GET /k` reads; `POST /count` counts up by compare-and-set. */
const code = `export default { async fetch(request, env) {
  const key = new URL(request.url).pathname.slice(1);
  if (request.method === 'PUT') return new Response(String(await env.KV.put(key, await request.text())));
  if (request.method === 'GET') return Response.json(await env.KV.getWithVersion(key));
  for (;;) {
    const { value, version } = await env.KV.getWithVersion(key);
    const next = Number(value ?? 0) + 1;
    if ((await env.KV.put(key, String(next), { ifVersion: version })) !== null) return new Response(String(next));
  }
} };`;

let issuer: Issuer;
let catalog: CatalogDouble;
let folder: string;
let env: Record<string, string>;
beforeAll(async () => {
  [issuer, catalog, folder] = await Promise.all([
    Issuer.start(),
    CatalogDouble.start(),
    mkdtemp(join(tmpdir(), 'proxylet-kill-')),
  ]);
  await mkdir(join(folder, 'engine'));
  env = {
    PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: issuer.url }]),
    PROXYLET_STATE_DIR: folder,
    PROXYLET_ENGINE_CATALOG_URL: catalog.url,
    PROXYLET_ENGINE_TOKEN_URL: `${catalog.url}/token`,
    PROXYLET_ENGINE_CLIENT_SECRET: 'secret',
    PROXYLET_ENGINE_PORT: '0',
  };
  catalog.publish('acme/kept', '1.0.0', code, { capabilities: ['kv'] });
});
afterAll(async () => {
  await Promise.all([issuer[Symbol.asyncDispose](), catalog[Symbol.asyncDispose]()]);
  await rm(folder, { recursive: true, force: true });
});

function client(engine: EngineProcess) {
  const scope = 'engine:invoke engine:install';
  const token = issuer.token({ sub: 'alice', scope, roles: ['user'], aud: 'urn:proxylet:engine:local' });
  return (method: string, path: string, body?: string): Promise<Response> =>
    fetch(`${engine.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(path.startsWith('/v1') ? json : {}) },
      ...(body === undefined ? {} : { body }),
    });
}
const json = { 'content-type': 'application/json' };

test('what was acknowledged is there after the engine is killed in the middle of writing', async () => {
  const written = new Map<string, string>();
  let count = 0;
  for (let round = 0; round < 3; round += 1) {
    await using engine = await EngineProcess.start(env);
    const call = client(engine);
    if (round === 0) {
      expect((await call('PUT', '/v1/installations/acme/kept', '{"consent":true}')).status).toBe(201);
    }
    const before = written.size;
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; ; n += 1) {
        const key = `r${round}-w${writer}-${n}`;
        const answer = await call('PUT', `/run/acme/kept/${key}`, key.repeat(20));
        if (answer.status === 200) written.set(key, await answer.text());
        const counted = await call('POST', '/run/acme/kept/count');
        if (counted.status === 200) count = Math.max(count, Number(await counted.text()));
      }
    });
    const ended = Promise.allSettled(writers);
    await expect.poll(() => written.size - before, { timeout: 30_000, interval: 5 }).toBeGreaterThan(80);
    await engine.kill('SIGKILL');
    await ended;
  }
  await using engine = await EngineProcess.start(env);
  const call = client(engine);
  const lost: string[] = [];
  for (const [key, version] of written) {
    const entry = (await (await call('GET', `/run/acme/kept/${key}`)).json()) as Record<string, unknown>;
    if (entry['value'] !== key.repeat(20) || String(entry['version']) !== version) lost.push(key);
  }
  expect([lost, new Set(written.values()).size]).toEqual([[], written.size]);
  const counter = (await (await call('GET', '/run/acme/kept/count')).json()) as { value: string };
  expect(Number(counter.value)).toBeGreaterThanOrEqual(count);
});
