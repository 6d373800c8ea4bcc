import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archiveOf } from '../testing/archives.js';
import { type CatalogProcess, startCatalogProcess } from '../testing/catalog-process.js';
import { type CiIssuer, startCi } from '../testing/ci-issuer.js';
import { hasPostgres, startMigrated, type TestPostgres } from '../testing/postgres.js';
import { soon } from '../testing/rights-kinds.js';

const clientSecret = 'client-secret-4711-of-the-mirror';
const storeSecret = 'store-secret-0815-of-the-bucket';

interface Sent {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

describe.each(hasPostgres ? ['SQLite', 'PostgreSQL'] : ['SQLite'])(
  'the log of a catalog on %s',
  (database) => {
    let ci: CiIssuer;
    let receiver: Server;
    let postgres: TestPostgres | undefined;
    let sut: CatalogProcess;
    beforeAll(async () => {
      ci = await startCi();
      receiver = createServer((_request, response) => void response.writeHead(500).end('no'));
      await new Promise<void>((resolve) => {
        receiver.listen(0, '127.0.0.1', resolve);
      });
      if (database === 'PostgreSQL') postgres = await startMigrated();
      sut = await startCatalogProcess({
        PROXYLET_LOG_LEVEL: 'debug',
        PROXYLET_CATALOG_TRUST_ISSUERS: JSON.stringify([ci.url]),
        PROXYLET_CATALOG_WEBHOOK_ALLOW: '["127.0.0.1"]',
        PROXYLET_CATALOG_UPSTREAM_CLIENT_ID: 'mirror',
        PROXYLET_CATALOG_UPSTREAM_CLIENT_SECRET: clientSecret,
        PROXYLET_CATALOG_S3_SECRET_KEY: storeSecret,
        ...(postgres === undefined ? {} : { PROXYLET_CATALOG_DATABASE_URL: postgres.url }),
      });
    });
    afterAll(async () => {
      await sut[Symbol.asyncDispose]();
      receiver.closeAllConnections();
      receiver.close();
      await ci[Symbol.asyncDispose]();
      await postgres?.[Symbol.asyncDispose]();
    });

    const send = async (
      method: string,
      path: string,
      authorization: string,
      body?: Buffer | object | string,
    ): Promise<Sent> => {
      const isArchive = Buffer.isBuffer(body);
      const response = await fetch(`${sut.service.url}${path}`, {
        method,
        headers: {
          authorization,
          ...(body === undefined
            ? {}
            : { 'content-type': isArchive ? 'application/gzip' : 'application/json' }),
        },
        ...(body === undefined
          ? {}
          : {
              body: isArchive ? new Uint8Array(body) : typeof body === 'string' ? body : JSON.stringify(body),
            }),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.includes('json') === true;
      return {
        status: response.status,
        body: isJson ? (JSON.parse(text) as Record<string, unknown>) : {},
      };
    };

    it('holds no token and no secret, whatever was asked and whatever went wrong', async () => {
      const access = await sut.issuer.token({ subject: 'olga' });
      const foreign = await sut.issuer.token({ subject: 'olga', audience: 'urn:elsewhere' });
      const olga = `Bearer ${access}`;
      await send('PUT', '/v1/namespaces/acme', olga);
      const wish = { label: 'ci', actions: ['publish', 'read'], resources: ['acme/*'], expiresAt: soon() };
      const made = await send('POST', '/v1/tokens', olga, wish);
      const publishToken = String(made.body['token']);
      const port = (receiver.address() as AddressInfo).port;
      const hook = await send('POST', '/v1/namespaces/acme/webhooks', olga, {
        url: `http://127.0.0.1:${port}/path-secret-1234?key=query-secret-5678`,
      });
      await send('PUT', '/v1/namespaces/acme/trust-policies/ci', olga, {
        issuer: ci.url,
        audience: 'catalog',
        claims: { ref: 'main' },
        actions: ['publish'],
        proxylets: ['*'],
      });
      const identity = await ci.identityToken({ sub: 'job', aud: 'catalog', ref: 'main' });
      const forged = `${identity.slice(0, -8)}AAAAAAAA`;
      const given = await send('POST', '/v1/tokens/exchange', '', { token: identity });
      const jobToken = String(given.body['token']);
      expect([made.status, hook.status, given.status]).toEqual([201, 201, 201]);
      const path = '/v1/proxylets/acme/thumb/versions/1.0.0';
      const archive = archiveOf({ name: 'acme/thumb' });
      const statuses: number[] = [];
      for (const token of [publishToken, jobToken]) {
        statuses.push((await send('PUT', path, `Bearer ${token}`, archive)).status);
        statuses.push(
          (await send('PUT', '/v1/proxylets/beta/x/versions/1.0.0', `Bearer ${token}`, archive)).status,
        );
      }
      for (const wrong of [`${publishToken.slice(0, -1)}0`, foreign, forged, `${access}x`])
        statuses.push((await send('GET', '/v1/proxylets', `Bearer ${wrong}`)).status);
      for (const scheme of ['Basic', 'bearer', 'Token'])
        statuses.push((await send('GET', '/v1/proxylets', `${scheme} ${publishToken}`)).status);
      for (const token of [identity, forged, publishToken, 'nonsense'])
        statuses.push((await send('POST', '/v1/tokens/exchange', '', { token })).status);
      for (const body of [publishToken, `{"token":"${publishToken}`, `{"${publishToken}":1}`])
        statuses.push((await send('POST', '/v1/tokens/exchange', '', body)).status);
      for (const query of ['access_token', 'q', 'cursor'])
        statuses.push((await send('GET', `/v1/proxylets?${query}=${publishToken}`, olga)).status);
      statuses.push((await send('GET', `/v1/nothing/${publishToken}`, olga)).status);
      statuses.push((await send('PUT', path, olga, Buffer.from(publishToken))).status);
      await send('DELETE', `/v1/tokens/${String(made.body['id'])}`, olga);
      statuses.push((await send('GET', path, `Bearer ${publishToken}`)).status);
      expect(statuses.every((status) => status < 500)).toBe(true);
      const hooks = `/v1/namespaces/acme/webhooks/${String(hook.body['id'])}/deliveries`;
      await expect
        .poll(async () => JSON.stringify((await send('GET', hooks, olga)).body), { timeout: 10_000 })
        .toContain('lastStatus');
      const shown = JSON.stringify([
        await send('GET', '/v1/tokens', olga),
        await send('GET', '/v1/namespaces/acme/webhooks', olga),
        await send('GET', hooks, olga),
        await send('GET', '/metrics', ''),
        await send('GET', '/openapi.json', ''),
      ]);
      await sut.service.stop();
      const log = sut.service.lines.join('\n');
      expect(sut.service.lines.length).toBeGreaterThan(20);
      const password = postgres === undefined ? '' : new URL(postgres.url).password;
      for (const secret of [
        access,
        foreign,
        identity,
        forged,
        publishToken,
        jobToken,
        // A part of one is as bad: the signature, and what stands behind the part that is shown in lists.
        ...[access, foreign, identity].map((token) => token.slice(token.lastIndexOf('.') + 1)),
        ...[publishToken, jobToken].map((token) => token.slice(12)),
        String(hook.body['secret']),
        clientSecret,
        storeSecret,
        'path-secret-1234',
        'query-secret-5678',
        ...(password === '' ? [] : [password]),
      ]) {
        expect(secret.length).toBeGreaterThan(3);
        const holding = sut.service.lines.filter((line) => line.includes(secret));
        expect(holding.map((line) => line.replaceAll(secret, '<secret>'))).toEqual([]);
      }
      expect(log).not.toMatch(/pxl_[\w-]{12}|whsec_[\w+/]{8}/);
      for (const secret of [publishToken.slice(12), jobToken.slice(12), String(hook.body['secret']).slice(8)])
        expect(shown.includes(secret)).toBe(false);
    });
  },
);
