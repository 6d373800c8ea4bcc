import { get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Database } from '../../dist/index.js';
import { FeedFollower } from '../../dist/ledger/feed-follower.js';
import { startCatalogProcess } from '../testing/catalog-process.js';
import { type Caller, callerOf, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { hasPostgres, startPostgres, type TestPostgres } from '../testing/postgres.js';

interface Item {
  readonly seq: number;
  readonly kind: string;
  readonly key: string;
}

/** Server-sent events as they come; `cut` drops the connection. */
async function openStream(url: string, token: string, lastEventId?: string) {
  const headers = {
    accept: 'text/event-stream',
    authorization: token,
    ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
  };
  const request = get(`${url}/v1/changes?since=0`, { headers });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const events: { id: string; event: string; data: Item }[] = [];
  let rest = '';
  response.on('error', () => undefined);
  response.setEncoding('utf8').on('data', (text: string) => {
    const blocks = (rest + text).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
      if (field('data') !== '')
        events.push({ id: field('id'), event: field('event'), data: JSON.parse(field('data')) as Item });
    }
  });
  return { status: response.statusCode, events, cut: () => request.destroy() };
}

const within = { timeout: 15_000, interval: 20 };
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

function feedSuite(kind: string, environment: () => Readonly<Record<string, string>>): void {
  describe(`the change feed on ${kind}`, () => {
    let catalog: CatalogUnderTest;
    let paula: Caller;
    beforeAll(async () => {
      catalog = await startCatalog(environment());
      paula = await catalog.as('paula');
      await paula.put('/v1/namespaces/acme');
      await paula.put('/v1/namespaces/acme/members/mia', { role: 'reader' });
      await paula.publish({ name: 'acme/a' });
      await paula.publish({ name: 'acme/a', version: '2.0.0' });
      await paula.put('/v1/proxylets/acme/a/channels/next', { version: '1.0.0' });
      await paula.patch('/v1/proxylets/acme/a/versions/2.0.0', { state: 'yanked', reason: 'bad' });
      await paula.put('/v1/services/acme/s', { version: '1.0.0', proxylets: { 'acme/a': '^1' } });
    });
    afterAll(() => catalog[Symbol.asyncDispose]());

    it('tells each change once, in order, in pages', async () => {
      const items: Item[] = [];
      let since = 0;
      for (;;) {
        const { body } = await paula.get(`/v1/changes?since=${since}&limit=2`);
        items.push(...body.items);
        if (body.last === since) break;
        since = body.last;
      }
      expect(items.map(({ seq }) => seq)).toEqual(numbers(6));
      expect(items.map(({ kind: what, key }) => `${what} ${key}`)).toEqual([
        'namespace.created acme',
        'version.published acme/a@1.0.0',
        'version.published acme/a@2.0.0',
        'channel.moved acme/a#next',
        'version.state acme/a@2.0.0',
        'service.registered acme/s@1.0.0',
      ]);
      const { body } = await paula.get('/v1/changes');
      expect(body).toMatchObject({ last: 6, oldest: 1 });
      expect(body.items[1].digest).toMatch(/^sha256:/);
      expect(body.items[4].data).toMatchObject({ after: 'yanked', reason: 'bad' });
    });

    it('holds the answer back until there is a change, and no longer than asked', async () => {
      const { last } = (await paula.get('/v1/changes')).body;
      const startedMs = performance.now();
      expect((await paula.get(`/v1/changes?since=${last}&wait=1`)).body.items).toEqual([]);
      expect(performance.now() - startedMs).toBeGreaterThan(900);
      const waiting = paula.get(`/v1/changes?since=${last}&wait=30`);
      await paula.put('/v1/proxylets/acme/a/channels/beta', { version: '1.0.0' });
      expect((await waiting).body.items).toMatchObject([{ seq: last + 1, key: 'acme/a#beta' }]);
    });

    it('lets one reader wait in so many places and no more', async () => {
      const { last } = (await paula.get('/v1/changes')).body;
      const waiting = Array.from({ length: 201 }, () => paula.get(`/v1/changes?since=${last}&wait=30`));
      expect((await Promise.race(waiting)).body.code).toBe('too-many-requests');
      await paula.put('/v1/proxylets/acme/a/channels/places', { version: '1.0.0' });
      const statuses = (await Promise.all(waiting)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(200);
      expect((await paula.get(`/v1/changes?since=now&wait=1`)).status).toBe(200);
    });

    it('hides what is about a private proxylet from who may not read it, and moves on', async () => {
      const mia = await catalog.as('mia');
      const eve = await catalog.as('eve');
      const { last } = (await paula.get('/v1/changes')).body;
      await paula.publish({ name: 'acme/secret' });
      await paula.patch('/v1/proxylets/acme/secret', { visibility: 'private', reason: 'ours' });
      await paula.publish({ name: 'acme/secret', version: '1.1.0' });
      await paula.put('/v1/services/acme/inner', { version: '1.0.0', proxylets: { 'acme/secret': '^1' } });
      const kinds = async (caller: Caller) => {
        const { body } = await caller.get(`/v1/changes?since=${last}`);
        return [body.last, ...body.items.map((item: Item) => item.kind)];
      };
      const all = ['version.published', 'proxylet.visibility', 'version.published', 'service.registered'];
      expect(await kinds(paula)).toEqual([last + 4, ...all]);
      expect(await kinds(mia)).toEqual([last + 4, ...all]);
      // That it went out of sight is for those who saw it.
      expect(await kinds(eve)).toEqual([last + 4, 'proxylet.visibility']);
    });

    it('streams, and goes on after the last event of a connection that was cut', async () => {
      const token = `Bearer ${await catalog.issuer.token({ subject: 'paula' })}`;
      const { last } = (await paula.get('/v1/changes')).body;
      const first = await openStream(catalog.url, token);
      await vi.waitFor(() => expect(first.events).toHaveLength(last), within);
      first.cut();
      await paula.publish({ name: 'acme/a', version: '3.0.0' });
      const second = await openStream(catalog.url, token, first.events.at(2)?.id ?? '');
      await vi.waitFor(() => expect(second.events).toHaveLength(last - 2), within);
      await paula.publish({ name: 'acme/a', version: '3.1.0' });
      await vi.waitFor(() => expect(second.events).toHaveLength(last - 1), within);
      expect(second.events.map(({ data }) => data.seq)).toEqual(numbers(last + 2).slice(3));
      second.cut();
    });

    it('lets nobody wait whose connection is gone', async () => {
      const follower = catalog.app.nest.get(FeedFollower);
      const token = `Bearer ${await catalog.issuer.token({ subject: 'paula' })}`;
      const { last: end } = (await paula.get('/v1/changes?since=now')).body;
      const poll = get(`${catalog.url}/v1/changes?since=${end}&wait=30`, {
        headers: { authorization: token },
      });
      poll.on('error', () => undefined);
      const stream = await openStream(catalog.url, token);
      await vi.waitFor(() => expect(follower.readers).toBe(2), within);
      poll.destroy();
      stream.cut();
      await vi.waitFor(() => expect(follower.readers).toBe(0), within);
    });

    it('says so where it does not reach back, or is another history', async () => {
      const bounds = (await paula.get('/v1/changes?since=now')).body;
      expect(bounds).toMatchObject({ items: [], oldest: 1 });
      const refusals = [
        await paula.get(`/v1/changes?since=${bounds.last + 1}`),
        await paula.get('/v1/changes?since=0&epoch=other'),
      ];
      for (const { status, body } of refusals) {
        expect([status, body.code]).toEqual([410, 'changes-gone']);
        expect(body).toMatchObject({ epoch: bounds.epoch, last: bounds.last, oldest: 1 });
      }
      await catalog.app.nest
        .get(Database)
        .write('t', (manager) => manager.query('DELETE FROM change WHERE seq <= 3'));
      expect((await paula.get('/v1/changes?since=2')).body).toMatchObject({
        code: 'changes-gone',
        oldest: 4,
      });
      expect((await paula.get('/v1/changes?since=3')).body.items[0].seq).toBe(4);
      expect((await paula.get('/v1/changes')).body.items[0].seq).toBe(4);
      const token = `Bearer ${await catalog.issuer.token({ subject: 'paula' })}`;
      expect((await openStream(catalog.url, token, `${bounds.epoch}:1`)).status).toBe(410);
      for (const query of ['since=-1', 'since=x', 'limit=0', 'limit=1001', 'wait=31'])
        expect((await paula.get(`/v1/changes?${query}`)).body.code).toBe('invalid-request');
    });
  });
}

feedSuite('SQLite', () => ({}));

if (hasPostgres) {
  const databases: TestPostgres[] = [];
  beforeAll(async () => {
    databases.push(await startPostgres(), await startPostgres());
  });
  afterAll(async () => {
    for (const database of databases) await database[Symbol.asyncDispose]();
  });
  const settings = (index: number) => ({ PROXYLET_CATALOG_DATABASE_URL: databases[index]?.url ?? '' });
  feedSuite('PostgreSQL', () => settings(0));

  describe('two catalogs on one PostgreSQL', () => {
    it('give a reader every change exactly once, while both write and one is killed', async () => {
      await using a = await startCatalogProcess(settings(1));
      await using b = await startCatalog(settings(1));
      const admin = {
        subject: 'x',
        roles: ['platform-admin'],
        scope: 'catalog:read catalog:publish catalog:admin',
      };
      const atA = callerOf(a.service.url, await a.issuer.token(admin));
      const atB = await b.as(admin);
      await atA.put('/v1/namespaces/acme');

      const seen: number[] = [];
      const reading = new AbortController();
      const reader = (async () => {
        let since = 0;
        while (!reading.signal.aborted) {
          const { body } = await atB.get(`/v1/changes?since=${since}&limit=7&wait=1`);
          seen.push(...body.items.map(({ seq }: Item) => seq));
          since = body.last;
        }
      })();
      const stream = await openStream(b.url, `Bearer ${await b.issuer.token(admin)}`);

      const answered: string[] = [];
      const write = async (caller: Caller, name: string, count: number): Promise<void> => {
        for (let index = 0; index < count; index += 1) {
          const version = `1.${index}.0`;
          const { status } = await caller.publish({ name: `acme/${name}`, version });
          if (status === 201) answered.push(`acme/${name}@${version}`);
        }
      };
      await Promise.all([write(atA, 'a', 12), write(atB, 'b', 12), write(atA, 'c', 12), write(atB, 'd', 12)]);
      // One is killed while it writes; what it had not answered is there whole or not at all.
      const cutOff = Promise.allSettled([write(atA, 'e', 200), write(atA, 'f', 200)]);
      await vi.waitFor(() => expect(answered.length).toBeGreaterThan(55), within);
      await a.service.kill();
      await cutOff;
      await write(atB, 'g', 3);

      const { last: end } = (await atB.get('/v1/changes?since=now')).body;
      await vi.waitFor(() => expect(seen).toEqual(numbers(end)), within);
      await vi.waitFor(() => expect(stream.events.map(({ data }) => data.seq)).toEqual(numbers(end)), within);
      const told = stream.events.flatMap(({ data }) => (data.kind === 'version.published' ? [data.key] : []));
      expect(new Set(told).size).toBe(told.length);
      expect(answered.filter((key) => !told.includes(key))).toEqual([]);
      expect(told.length).toBeLessThan(12 * 4 + 400);
      reading.abort();
      stream.cut();
      await reader;
      const auditor = await b.as({ subject: 'ada', roles: ['auditor'], scope: 'audit:read' });
      expect((await auditor.get('/v1/audit/verify')).body).toMatchObject({ ok: true, checked: end });
    });
  });
}
