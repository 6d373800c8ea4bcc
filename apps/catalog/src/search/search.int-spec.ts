import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testBackend } from '../testing/backend.config.js';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';

const databases =
  testBackend() === 'embedded' && hasPostgres ? ['SQLite', 'PostgreSQL'] : ['the one of this run'];
const namesOf = (body: { items: { name: string }[] }) => body.items.map(({ name }) => name);
const yank = { state: 'yanked', reason: 'reads the wrong column' };

describe.each(databases)('search, kept in %s', (kind) => {
  let postgres: TestPostgres | undefined;
  let catalog: CatalogUnderTest;
  let paula: Caller;
  let reader: Caller;
  beforeAll(async () => {
    if (kind === 'PostgreSQL') postgres = await startMigrated();
    catalog = await startCatalog(
      postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url },
    );
    paula = await catalog.as('paula');
    reader = await catalog.as({ subject: 'rita', scope: 'catalog:read' });
    for (const namespace of ['acme', 'grids']) await paula.put(`/v1/namespaces/${namespace}`);
    const proxylets = [
      ['acme/meter', 'Counts', ['household'], undefined],
      ['acme/meter-reader', 'Reads what a gauge says', [], undefined],
      ['acme/smart-meter', 'Tells the price', ['energy'], undefined],
      ['acme/price', 'Prices of a meter, by the hour', [], undefined],
      ['acme/thermostat', 'Keeps a room warm', ['heating'], '# Thermostat\nWorks beside every dishwasher.'],
      ['grids/load', 'Load of a smart grid', ['Énergie'], undefined],
    ] as const;
    for (const [name, description, keywords, readme] of proxylets) {
      const capabilities = name === 'acme/price' ? ['device:clock'] : ['kv'];
      const answer = await paula.publish({
        name,
        manifest: { description, keywords: [...keywords], capabilities },
        ...(readme === undefined ? {} : { readme }),
      });
      expect(answer.status).toBe(201);
    }
  });
  afterAll(async () => {
    await catalog[Symbol.asyncDispose]();
    await postgres?.[Symbol.asyncDispose]();
  });

  const find = async (query: string): Promise<string[]> => {
    const answer = await reader.get(`/v1/proxylets?${query}`);
    expect(answer.status).toBe(200);
    return namesOf(answer.body);
  };

  it('puts the exact name before its beginnings, words of names, and prose', async () => {
    expect(await find('q=meter')).toEqual([
      'acme/meter',
      'acme/meter-reader',
      'acme/smart-meter',
      'acme/price',
    ]);
  });

  it.each([
    ['m', ['acme/meter', 'acme/meter-reader', 'acme/smart-meter']],
    ['met', ['acme/meter', 'acme/meter-reader', 'acme/smart-meter']],
    ['Smart-Me', ['acme/smart-meter']],
    ['smartme', ['acme/smart-meter']],
    ['read', ['acme/meter-reader']],
    ['hous', ['acme/meter']],
  ])('finds as one types %j', async (q, names) => {
    expect(await find(`q=${q}`)).toEqual(names);
  });

  it.each([
    ['a letter lost', 'themostat', ['acme/thermostat']],
    ['a letter too many', 'thermosstat', ['acme/thermostat']],
    ['two letters swapped', 'mteer', ['acme/meter', 'acme/meter-reader', 'acme/smart-meter']],
    ['two typos in a long word', 'themostad', ['acme/thermostat']],
    ['a typo in a keyword', 'heatting', ['acme/thermostat']],
    ['a typo beside a right word', 'smart mter', ['acme/smart-meter']],
    ['two typos in a short word', 'mtr', []],
    ['accents left out', 'energie', ['grids/load']],
  ])('forgives %s', async (_what, q, names) => {
    expect(await find(`q=${encodeURIComponent(q)}`)).toEqual(names);
  });

  it.each([
    ['several words, each somewhere', 'q=meter%20price', ['acme/smart-meter', 'acme/price']],
    ['a word of the README', 'q=dishwasher', ['acme/thermostat']],
    ['a capability', 'q=clock', ['acme/price']],
    ['a name with its namespace', 'q=acme/me', ['acme/meter', 'acme/meter-reader', 'acme/smart-meter']],
    ['a word in one namespace', 'q=smart&namespace=grids', ['grids/load']],
    ['a word with one capability', 'q=meter&capability=device:clock', ['acme/price']],
    ['a capability alone', 'capability=device:clock', ['acme/price']],
    ['nothing like it', 'q=zebra', []],
  ])('finds by %s', async (_what, query, names) => {
    expect((await find(query)).toSorted()).toEqual([...names].toSorted());
  });

  it('gives pages that join without gap or repetition, over every way to fit', async () => {
    const whole = await find('q=meter');
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await reader.get(`/v1/proxylets?q=meter&limit=1${cursor}`);
      seen.push(...namesOf(body));
      cursor = body.nextCursor === undefined ? '' : `&cursor=${body.nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(whole);
  });

  it('knows a version the moment its publish was answered, and follows its words', async () => {
    await paula.publish({ name: 'acme/fresh', manifest: { description: 'Walrus' } });
    expect(await find('q=walrus')).toEqual(['acme/fresh']);
    await paula.publish({ name: 'acme/fresh', version: '1.1.0', manifest: { description: 'Ostrich' } });
    expect([await find('q=walrus'), await find('q=ostrich')]).toEqual([[], ['acme/fresh']]);
    await paula.patch('/v1/proxylets/acme/fresh/versions/1.1.0', yank);
    expect([await find('q=walrus'), await find('q=ostrich')]).toEqual([['acme/fresh'], []]);
  });

  it('lists by what the newest version asks, and page by page by two of them', async () => {
    const names = ['ant', 'bee', 'cat', 'dog', 'eel'].map((name) => `lists/${name}`);
    await paula.put('/v1/namespaces/lists');
    for (const name of names)
      await paula.publish({ name, manifest: { capabilities: ['device:sieve', 'device:anvil'] } });
    await paula.publish({
      name: 'lists/cat',
      version: '1.1.0',
      manifest: { capabilities: ['device:anvil'] },
    });
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await reader.get(
        `/v1/proxylets?capability=device:sieve&runtime=isolate&limit=2${cursor}`,
      );
      seen.push(...body.items.map(({ name }: { name: string }) => name));
      if (body.nextCursor === undefined) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(seen).toEqual(names.filter((name) => name !== 'lists/cat'));
    const fans = await reader.get('/v1/proxylets?capability=device:anvil&namespace=lists');
    expect(fans.body.items.map(({ name }: { name: string }) => name)).toEqual(names);
    await paula.publish({
      name: 'lists/cat',
      version: '1.2.0',
      manifest: { capabilities: ['device:sieve'] },
    });
    const lamps = await reader.get('/v1/proxylets?capability=device:sieve&namespace=lists');
    expect(lamps.body.items.map(({ name }: { name: string }) => name)).toEqual(names);
  });

  it('lets what was withdrawn sink below everything else', async () => {
    for (const name of ['acme/kettle', 'acme/kettle-two', 'acme/boiler'])
      await paula.publish({
        name,
        manifest: { description: name === 'acme/boiler' ? 'No kettle' : 'Boils' },
      });
    await paula.patch('/v1/proxylets/acme/kettle/versions/1.0.0', yank);
    expect(await find('q=kettle')).toEqual(['acme/kettle-two', 'acme/boiler', 'acme/kettle']);
    await paula.patch('/v1/proxylets/acme/kettle/versions/1.0.0', { state: 'published', reason: 'fixed' });
    expect(await find('q=kettle')).toEqual(['acme/kettle', 'acme/kettle-two', 'acme/boiler']);
  });

  it('puts the popular first among those that fit alike, and tells how often they were fetched', async () => {
    for (const name of ['acme/lamp-a', 'acme/lamp-b']) await paula.publish({ name });
    expect(await find('q=lamp')).toEqual(['acme/lamp-a', 'acme/lamp-b']);
    const { digest } = (await reader.get('/v1/proxylets/acme/lamp-b/versions/1.0.0')).body;
    for (const subject of ['u1', 'u2', 'u3'])
      await (await catalog.as(subject)).download(`/v1/blobs/${digest}`);
    await expect.poll(() => find('q=lamp'), { timeout: 15_000 }).toEqual(['acme/lamp-b', 'acme/lamp-a']);
    expect((await reader.get('/v1/proxylets/acme/lamp-b')).body).toMatchObject({ downloads: 3 });
  });

  it.each([
    ['SQL', `'; DROP TABLE proxylet; --`],
    ['quotes and operators', `"meter" AND NOT (price OR NEAR/2) ^ *`],
    ['wildcards', '%_%_*?'],
    ['nothing but wildcards', '***'],
    ['a hundred words', 'a b '.repeat(49)],
    ['one long word', 'x'.repeat(199)],
    ['a word of every kind', 'meter مقياس 计量器 µετρητής ½ 🙂'],
    ['terms of the index itself', '#r:isolate #c:kv'],
    ['__proto__', '__proto__ constructor'],
  ])('answers a query of %s quickly', async (_what, q) => {
    const startedMs = performance.now();
    const answer = await reader.get(`/v1/proxylets?q=${encodeURIComponent(q)}`);
    expect([answer.status, performance.now() - startedMs < 1000]).toEqual([200, true]);
  });

  it.each([
    ['10 KB', `q=${'a'.repeat(10_000)}`],
    ['NUL', 'q=me%00ter'],
    ['a cursor of another list', 'q=meter&cursor=eyJuYW1lc3BhY2UiOiJhIiwibmFtZSI6ImIifQ'],
    [
      'a cursor out of range',
      `q=meter&cursor=${Buffer.from('{"s":"0:fit","r":1e99,"i":1}').toString('base64url')}`,
    ],
  ])('refuses %s', async (_what, query) => {
    expect((await reader.get(`/v1/proxylets?${query}`)).body).toMatchObject({ status: 400 });
  });

  it.each(['%ED%A0%80', '%00', 'q%00', '%FF'])('never fails on the bytes %s', async (bytes) => {
    for (const query of [`q=${bytes}`, `namespace=${bytes}`, `runtime=${bytes}`, `capability=${bytes}`])
      expect((await reader.get(`/v1/proxylets?${query}`)).status).toBeLessThan(500);
  });

  it('hides what is private from strangers, whatever they look for', async () => {
    const hidden = await catalog.as('hilda');
    await hidden.put('/v1/namespaces/hidden');
    await hidden.patch('/v1/namespaces/hidden', { defaultVisibility: 'private', reason: 'ours' });
    await hidden.publish({ name: 'hidden/zeppelin', manifest: { keywords: ['airship'] } });
    const own = namesOf((await hidden.get('/v1/proxylets?q=zeppelin')).body);
    expect(own).toEqual(['hidden/zeppelin']);
    for (const query of ['q=zeppelin', 'q=zepelin', 'q=airship', 'namespace=hidden', 'q=hidden/z'])
      expect(await find(query)).toEqual([]);
  });
});
