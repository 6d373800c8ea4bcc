import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';

let catalog: CatalogUnderTest;
let paula: Caller;
let reader: Caller;
beforeAll(async () => {
  catalog = await startCatalog();
  paula = await catalog.as('paula');
  reader = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
  for (const namespace of ['acme', 'zeta']) await paula.put(`/v1/namespaces/${namespace}`);
});
afterAll(() => catalog[Symbol.asyncDispose]());

const namesOf = (body: { items: { name: string }[] }) => body.items.map(({ name }) => name);
const latest = async (name: string) => (await reader.get(`/v1/proxylets/${name}`)).body.latest;
const yank = { state: 'yanked', reason: 'reads the wrong column' };

describe('search', () => {
  beforeAll(async () => {
    await paula.publish({
      name: 'acme/thumb',
      manifest: {
        description: 'Makes 100% small pictures',
        keywords: ['image'],
        capabilities: ['kv', 'device:camera'],
      },
    });
    await paula.publish({
      name: 'acme/wind',
      manifest: { description: 'Wind speed of a place', capabilities: ['kv@^1'] },
    });
    await paula.publish({ name: 'zeta/wind', manifest: { description: 'Another wind' } });
  });

  it.each([
    ['', ['acme/thumb', 'acme/wind', 'zeta/wind']],
    ['?q=wind', ['acme/wind', 'zeta/wind']],
    ['?q=WIND%20speed', ['acme/wind']],
    ['?q=image', ['acme/thumb']],
    ['?q=100%25', ['acme/thumb']],
    ['?q=_', []],
    ['?namespace=zeta', ['zeta/wind']],
    ['?capability=kv', ['acme/thumb', 'acme/wind']],
    ['?capability=device:camera', ['acme/thumb']],
    ['?capability=device', []],
    ['?runtime=isolate&namespace=acme', ['acme/thumb', 'acme/wind']],
    ['?runtime=wasm', []],
  ])('finds for %j', async (query, names) => {
    const answer = await reader.get(`/v1/proxylets${query}`);
    expect(answer.status).toBe(200);
    expect(namesOf(answer.body)).toEqual(names);
  });

  it('finds the proxylets of a service', async () => {
    await paula.put('/v1/services/acme/winds', {
      version: '1.0.0',
      proxylets: { 'acme/wind': '*', 'zeta/wind': '^1' },
    });
    expect(namesOf((await reader.get('/v1/proxylets?service=acme/winds')).body)).toEqual([
      'acme/wind',
      'zeta/wind',
    ]);
    expect((await reader.get('/v1/proxylets?service=acme/nothing')).status).toBe(404);
  });

  it('gives pages that join without gap or repetition', async () => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await reader.get(`/v1/proxylets?limit=1${cursor}`);
      seen.push(...namesOf(body));
      cursor = body.nextCursor === undefined ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(['acme/thumb', 'acme/wind', 'zeta/wind']);
  });

  it.each(['?limit=0', '?limit=1000', '?cursor=nonsense', '?unknown=1', '?service=x'])(
    'refuses %s',
    async (query) => {
      expect((await reader.get(`/v1/proxylets${query}`)).body).toMatchObject({ code: 'invalid-request' });
    },
  );

  it('is closed to who has no token', async () => {
    expect((await catalog.anonymous().get('/v1/proxylets')).status).toBe(401);
  });
});

describe('latest', () => {
  it('is the highest stable version; pre-releases and backports do not move it', async () => {
    for (const [version, expected] of [
      ['2.0.0-beta.1', undefined],
      ['1.0.0', '1.0.0'],
      ['1.10.0', '1.10.0'],
      ['1.9.0', '1.10.0'],
      ['2.0.0-beta.2', '1.10.0'],
      ['1.9.1', '1.10.0'],
    ] as const) {
      expect((await paula.publish({ name: 'acme/latest', version })).status).toBe(201);
      expect(await latest('acme/latest')).toBe(expected);
    }
  });

  it('falls to the next when yanked, and comes back', async () => {
    const path = '/v1/proxylets/acme/latest/versions/1.10.0';
    expect((await paula.patch(path, yank)).body).toMatchObject({ state: 'yanked', stateReason: yank.reason });
    expect(await latest('acme/latest')).toBe('1.9.1');
    expect((await paula.patch(path, { state: 'deprecated', reason: 'use 2' })).status).toBe(200);
    expect(await latest('acme/latest')).toBe('1.10.0');
  });

  it('is gone where every version is yanked, the proxylet still shown', async () => {
    await paula.publish({ name: 'acme/gone' });
    await paula.patch('/v1/proxylets/acme/gone/versions/1.0.0', yank);
    const { body } = await reader.get('/v1/proxylets/acme/gone');
    expect(body).toMatchObject({ version: '1.0.0', shown: { state: 'yanked' } });
    expect(body).not.toHaveProperty('latest');
  });
});

describe('a version', () => {
  it('shows manifest, files and README', async () => {
    await paula.publish({
      name: 'acme/full',
      readme: '# Full\n',
      manifest: { license: 'MIT', dependencies: { 'acme/x': '^1' } },
    });
    const { body } = await reader.get('/v1/proxylets/acme/full/versions/1.0.0');
    expect(body).toMatchObject({
      name: 'acme/full',
      version: '1.0.0',
      state: 'published',
      hasReadme: true,
      blob: `/v1/blobs/${body.digest}`,
      manifest: { name: 'acme/full', license: 'MIT', dependencies: { 'acme/x': '^1' } },
    });
    expect(body.files.map(({ path }: { path: string }) => path)).toEqual([
      'proxylet.json',
      'README.md',
      'dist/index.js',
    ]);
    const readme = await reader.get('/v1/proxylets/acme/full/versions/1.0.0/readme');
    expect(readme.text).toBe('# Full\n');
    expect(readme.headers['content-type']).toBe('text/markdown; charset=utf-8');
    await paula.publish({ name: 'acme/bare' });
    expect((await reader.get('/v1/proxylets/acme/bare/versions/1.0.0/readme')).status).toBe(404);
  });

  it.each(['', '/versions/1.0.0'])(
    'answers 304 while %j is unchanged, and not after a change',
    async (part) => {
      const name = part === '' ? 'acme/tagged' : 'acme/tagged-version';
      await paula.publish({ name });
      const path = `/v1/proxylets/${name}${part}`;
      const first = await reader.get(path);
      const etag = String(first.headers['etag']);
      const again = await reader.get(path, { 'if-none-match': etag });
      expect(again.status).toBe(304);
      expect(again.text).toBe('');
      await paula.patch(`/v1/proxylets/${name}/versions/1.0.0`, yank);
      expect((await reader.get(path, { 'if-none-match': etag })).status).toBe(200);
    },
  );

  it('changes its state only with a reason, by who may, from where the caller saw it', async () => {
    await paula.publish({ name: 'acme/state' });
    const path = '/v1/proxylets/acme/state/versions/1.0.0';
    for (const body of [
      { state: 'yanked' },
      { state: 'yanked', reason: ' ' },
      { state: 'removed', reason: 'x' },
      { ...yank, x: 1 },
    ]) {
      expect((await paula.patch(path, body)).body).toMatchObject({ code: 'invalid-request' });
    }
    expect((await (await catalog.as('bob')).patch(path, yank)).status).toBe(403);
    expect((await reader.patch(path, yank)).status).toBe(403);
    expect((await paula.patch(path, yank, { 'if-match': '"other"' })).body).toMatchObject({
      code: 'precondition-failed',
    });
    const etag = String((await reader.get(path)).headers['etag']);
    expect((await paula.patch(path, yank, { 'if-match': etag })).status).toBe(200);
    expect((await paula.patch(path, yank, { 'if-match': etag })).status).toBe(412);
    expect((await paula.patch('/v1/proxylets/acme/state/versions/9.9.9', yank)).status).toBe(404);
  });

  it('is listed with the others in pages, highest first', async () => {
    for (const version of ['1.0.0', '1.0.0-rc.1', '0.9.0', '1.0.1'])
      await paula.publish({ name: 'acme/paged', version });
    const first = await reader.get('/v1/proxylets/acme/paged/versions?limit=3');
    const second = await reader.get(
      `/v1/proxylets/acme/paged/versions?limit=3&cursor=${first.body.nextCursor}`,
    );
    const all = [...first.body.items, ...second.body.items].map(({ version }) => version);
    expect(all).toEqual(['1.0.1', '1.0.0', '1.0.0-rc.1', '0.9.0']);
    expect(second.body).not.toHaveProperty('nextCursor');
  });
});

describe('a channel', () => {
  const path = '/v1/proxylets/acme/chan/channels/next';
  beforeAll(async () => {
    for (const version of ['1.0.0', '2.0.0-beta.1']) await paula.publish({ name: 'acme/chan', version });
  });

  it('is made, moved and keeps its history', async () => {
    expect((await paula.put(path, { version: '1.0.0' })).status).toBe(201);
    const moved = await paula.put(path, { version: '2.0.0-beta.1' });
    expect(moved.status).toBe(200);
    expect((await paula.put(path, { version: '2.0.0-beta.1' })).status).toBe(200);
    const { body } = await reader.get(path);
    expect(body.version).toBe('2.0.0-beta.1');
    expect(body.history.map(({ version }: { version: string }) => version)).toEqual([
      '2.0.0-beta.1',
      '1.0.0',
    ]);
    expect((await reader.get('/v1/proxylets/acme/chan')).body.channels).toEqual({ next: '2.0.0-beta.1' });
  });

  it('moves only from where the caller saw it', async () => {
    const etag = String((await reader.get(path)).headers['etag']);
    expect((await paula.put(path, { version: '1.0.0' }, { 'if-match': etag })).status).toBe(200);
    expect((await paula.put(path, { version: '2.0.0-beta.1' }, { 'if-match': etag })).status).toBe(412);
  });

  it('is refused for a name that means something else, a version that is not there or was yanked, and strangers', async () => {
    for (const name of ['latest', '1', 'x', 'Next']) {
      const answer = await paula.put(`/v1/proxylets/acme/chan/channels/${name}`, { version: '1.0.0' });
      expect(answer.body).toMatchObject({ code: 'invalid-name' });
    }
    expect((await paula.put(path, { version: '9.0.0' })).status).toBe(404);
    expect((await (await catalog.as('bob')).put(path, { version: '1.0.0' })).status).toBe(403);
    await paula.publish({ name: 'acme/chan', version: '3.0.0' });
    await paula.patch('/v1/proxylets/acme/chan/versions/3.0.0', yank);
    expect((await paula.put(path, { version: '3.0.0' })).status).toBe(400);
    expect((await reader.get('/v1/proxylets/acme/chan/channels/none')).status).toBe(404);
  });
});
