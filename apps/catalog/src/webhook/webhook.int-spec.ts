import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Caller, type CatalogUnderTest, startCatalog } from '../testing/catalog-under-test.js';
import { everyScope } from '../testing/issuer.js';
import { hasPostgres, startPostgres, type TestPostgres } from '../testing/postgres.js';
import { startReceiver, type TestReceiver } from '../testing/receiver.js';

const within = { timeout: 15_000, interval: 50 };

async function publishSix(caller: Caller, name: string): Promise<void> {
  for (let index = 0; index < 6; index += 1)
    await caller.publish({ name: `acme/${name}`, version: `1.${index}.0` });
}

function webhookSuite(kind: string, environment: () => Readonly<Record<string, string>>): void {
  describe(`webhooks on ${kind}`, () => {
    let receiver: TestReceiver;
    let catalog: CatalogUnderTest;
    let paula: Caller;
    beforeAll(async () => {
      receiver = await startReceiver();
      catalog = await startCatalog({
        ...environment(),
        PROXYLET_CATALOG_WEBHOOK_ALLOW: JSON.stringify([receiver.host]),
        PROXYLET_CATALOG_WEBHOOK_TIMEOUT_MS: '400',
        PROXYLET_CATALOG_WEBHOOK_RETRY_MS: '100',
        PROXYLET_CATALOG_WEBHOOK_GIVE_UP_MS: '1500',
      });
      paula = await catalog.as('paula');
      for (const name of ['acme', 'other']) await paula.put(`/v1/namespaces/${name}`);
    });
    afterAll(async () => {
      await catalog[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    });

    const hook = async (path: string, events: string[] = []) =>
      (await paula.post('/v1/namespaces/acme/webhooks', { url: `${receiver.url}${path}`, events })).body;
    const at = (path: string) => receiver.received.filter((one) => one.path === path);
    const deliveries = async (id: string, query = '') =>
      (await paula.get(`/v1/namespaces/acme/webhooks/${id}/deliveries${query}`)).body.items;

    it('get each change of their namespace and kinds once, in a signed CloudEvent', async () => {
      const created = await hook('/good', ['version.published', 'version.state']);
      expect(created.secret).toMatch(/^whsec_/);
      await paula.publish({ name: 'other/a' });
      for (const version of ['1.0.0', '1.1.0']) await paula.publish({ name: 'acme/a', version });
      await paula.put('/v1/proxylets/acme/a/channels/next', { version: '1.0.0' });
      await paula.patch('/v1/proxylets/acme/a/versions/1.0.0', { state: 'yanked', reason: 'bad' });
      await vi.waitFor(() => expect(at('/good')).toHaveLength(3), within);
      const events = at('/good').map(
        ({ body }) => JSON.parse(body) as { data: { seq: number }; type: string },
      );
      expect(events.map(({ type }) => type).toSorted()).toEqual([
        'proxylet.version.published',
        'proxylet.version.published',
        'proxylet.version.state',
      ]);
      expect(events.find(({ type }) => type === 'proxylet.version.state')).toMatchObject({
        specversion: '1.0',
        source: catalog.url,
        subject: 'acme/a@1.0.0',
        data: { key: 'acme/a@1.0.0', namespace: 'acme', after: 'yanked', reason: 'bad' },
      });
      const [first] = at('/good');
      const {
        'webhook-id': id,
        'webhook-timestamp': time,
        'webhook-signature': signature,
      } = first?.headers ?? {};
      const key = Buffer.from(created.secret.slice('whsec_'.length), 'base64');
      const expected = createHmac('sha256', key)
        .update(`${String(id)}.${String(time)}.${first?.body ?? ''}`)
        .digest('base64');
      expect(signature).toBe(`v1,${expected}`);
      expect(Math.abs(Number(time) - Date.now() / 1000)).toBeLessThan(30);
      await vi.waitFor(async () => {
        const { body } = await paula.get(`/v1/namespaces/acme/webhooks/${created.id}`);
        expect(body.deliveries).toEqual({ pending: 0, delivered: 3, dead: 0 });
        expect(body.secret).toBeUndefined();
      }, within);
      await paula.delete(`/v1/namespaces/acme/webhooks/${created.id}`);
    });

    it('are tried again with the same id until they take it, and one that hangs or redirects is dead in the end', async () => {
      receiver.answers.set('/flaky', 503);
      const flaky = await hook('/flaky');
      const hanging = await hook('/hang');
      const redirecting = await hook('/redirect');
      const good = await hook('/beside');
      await paula.publish({ name: 'acme/b' });
      await vi.waitFor(() => expect(at('/flaky').length).toBeGreaterThan(1), within);
      receiver.answers.set('/flaky', 200);
      await vi.waitFor(() => expect(at('/beside')).toHaveLength(1), within);
      await vi.waitFor(
        async () => expect(await deliveries(flaky.id, '?state=delivered')).toHaveLength(1),
        within,
      );
      expect(new Set(at('/flaky').map(({ headers }) => headers['webhook-id'])).size).toBe(1);

      await vi.waitFor(
        async () => expect(await deliveries(hanging.id, '?state=dead')).toHaveLength(1),
        within,
      );
      expect((await deliveries(hanging.id))[0].lastError).toMatch(/no answer within 400 ms/);
      await vi.waitFor(
        async () => expect(await deliveries(redirecting.id, '?state=dead')).toHaveLength(1),
        within,
      );
      const [dead] = await deliveries(redirecting.id);
      expect(dead).toMatchObject({ lastStatus: 307, event: { subject: 'acme/b@1.0.0' } });
      expect(at('/redirected')).toHaveLength(0);

      const before = at('/redirect').length;
      await paula.patch(`/v1/namespaces/acme/webhooks/${redirecting.id}`, { url: `${receiver.url}/mended` });
      const replayed = await paula.post(
        `/v1/namespaces/acme/webhooks/${redirecting.id}/deliveries/${dead.id}/replay`,
        undefined,
      );
      expect(replayed.body).toMatchObject({ state: 'pending' });
      await vi.waitFor(() => expect(at('/mended')).toHaveLength(1), within);
      expect(at('/redirect')).toHaveLength(before);
      for (const { id } of [flaky, hanging, redirecting, good])
        await paula.delete(`/v1/namespaces/acme/webhooks/${id}`);
    });

    it('do not wait for one that hangs, however much waits for it', async () => {
      const hanging = await hook('/hang');
      for (let index = 0; index < 40; index += 1)
        await paula.put('/v1/proxylets/acme/a/channels/next', { version: `1.${index % 2 === 0 ? 1 : 0}.0` });
      const quick = await hook('/quick');
      const startedMs = performance.now();
      await paula.put('/v1/proxylets/acme/a/channels/beta', { version: '1.1.0' });
      await vi.waitFor(() => expect(at('/quick')).toHaveLength(1), within);
      expect(performance.now() - startedMs).toBeLessThan(1500);
      for (const { id } of [hanging, quick]) await paula.delete(`/v1/namespaces/acme/webhooks/${id}`);
    });

    it('lead nowhere but to public addresses and what the operator allows', async () => {
      const refused = [
        'http://127.0.0.1:1/x',
        'http://[::1]/',
        'http://2130706433/',
        'http://169.254.169.254/latest',
      ];
      for (const url of refused) {
        const answer = await paula.post('/v1/namespaces/acme/webhooks', { url });
        expect([url, answer.status, answer.body.code]).toEqual([url, 422, 'webhook-refused']);
      }
      for (const url of ['ftp://example.org/', 'https://user:secret@example.org/', 'nothing']) {
        expect((await paula.post('/v1/namespaces/acme/webhooks', { url })).body.code).toBe('invalid-request');
      }
      const port = new URL(receiver.url).port;
      const inside = (
        await paula.post('/v1/namespaces/acme/webhooks', { url: `http://localhost:${port}/inside` })
      ).body;
      await paula.publish({ name: 'acme/c' });
      await vi.waitFor(
        async () => expect(await deliveries(inside.id, '?state=dead')).toHaveLength(1),
        within,
      );
      expect((await deliveries(inside.id))[0].lastError).toMatch(/not on the public internet/);
      expect(at('/inside')).toHaveLength(0);
      await paula.delete(`/v1/namespaces/acme/webhooks/${inside.id}`);
    });

    it('are the owners’ and maintainers’ own', async () => {
      const { id } = await hook('/own');
      await paula.put('/v1/namespaces/acme/members/pete', { role: 'publisher' });
      await paula.put('/v1/namespaces/acme/members/mia', { role: 'maintainer' });
      const [pete, mia, eve] = await Promise.all(['pete', 'mia', 'eve'].map((name) => catalog.as(name)));
      expect((await pete?.get(`/v1/namespaces/acme/webhooks/${id}`))?.status).toBe(403);
      expect((await eve?.get(`/v1/namespaces/acme/webhooks`))?.status).toBe(403);
      expect((await mia?.get(`/v1/namespaces/acme/webhooks/${id}`))?.status).toBe(200);
      expect((await paula.get(`/v1/namespaces/other/webhooks/${id}`)).status).toBe(404);
      expect((await mia?.delete(`/v1/namespaces/acme/webhooks/${id}`))?.status).toBe(204);
    });
  });
}

webhookSuite('SQLite', () => ({}));

if (hasPostgres) {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());
  webhookSuite('PostgreSQL', () => ({ PROXYLET_CATALOG_DATABASE_URL: postgres.url }));

  it('are sent by one catalog of two on a database, and by the other when that one is gone', async () => {
    await using database = await startPostgres();
    await using receiver = await startReceiver();
    const settings = {
      PROXYLET_CATALOG_DATABASE_URL: database.url,
      PROXYLET_CATALOG_WEBHOOK_ALLOW: JSON.stringify([receiver.host]),
    };
    const first = await startCatalog(settings);
    await using second = await startCatalog(settings);
    const admin = { subject: 'x', roles: ['platform-admin'], scope: `${everyScope} catalog:admin` };
    const [atFirst, atSecond] = [await first.as(admin), await second.as(admin)];
    await atFirst.put('/v1/namespaces/acme');
    await atFirst.post('/v1/namespaces/acme/webhooks', { url: `${receiver.url}/one` });
    await Promise.all([publishSix(atFirst, 'a'), publishSix(atSecond, 'b')]);
    await vi.waitFor(() => expect(receiver.received).toHaveLength(12), within);
    await first[Symbol.asyncDispose]();
    await publishSix(atSecond, 'c');
    await vi.waitFor(() => expect(receiver.received).toHaveLength(18), within);
    const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
    expect(new Set(ids).size).toBe(18);
  });
}
