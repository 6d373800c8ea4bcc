import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { IdentityTokens } from '@proxylet/auth';
import { afterEach, describe, expect, it } from 'vitest';
import { TargetRefused } from '../http/target-refused.js';
import { startCi } from '../testing/ci-issuer.js';
import { hostsOf, issuerFetch } from './issuer-fetch.js';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }
});

/** A server of this machine, and what it was asked. */
async function inside(answer: RequestListener): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.headers.host ?? ''}${request.url ?? ''}`);
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return { port: (server.address() as AddressInfo).port, asked };
}

const empty: RequestListener = (_request, response) => {
  response.setHeader('content-type', 'application/json').end('{}');
};

describe('documents of an issuer', () => {
  it.each([
    '127.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
    '2130706433',
    '0x7f.1',
    '10.0.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '[fe80::1]',
    '[fd00::1]',
    '[64:ff9b::7f00:1]',
    'localhost',
  ])('are not fetched from %s', async (host) => {
    const { port, asked } = await inside(empty);
    await expect(issuerFetch({ allow: [] })(`http://${host}:${port}/`)).rejects.toBeInstanceOf(TargetRefused);
    expect(asked).toEqual([]);
  });

  it('are not fetched from a name of which one address is inside', async () => {
    const fetch = issuerFetch({ allow: [], resolve: () => Promise.resolve(['203.0.114.7', '10.0.0.1']) });
    await expect(fetch('https://ci.example/')).rejects.toBeInstanceOf(TargetRefused);
  });

  it('come from the address that was checked: the name is asked for once', async () => {
    const { port, asked } = await inside(empty);
    let resolved = 0;
    const fetch = issuerFetch({
      allow: [`ci.example:${port}`],
      resolve: () => {
        resolved += 1;
        return Promise.resolve([resolved === 1 ? '127.0.0.1' : '127.0.0.99']);
      },
    });
    const answer = await fetch(`http://ci.example:${port}/keys`);
    expect([answer.status, await answer.text(), resolved]).toEqual([200, '{}', 1]);
    expect(asked).toEqual([`ci.example:${port}/keys`]);
  });

  it('come from an inner host that the operator names, at just its port', async () => {
    const named = await inside(empty);
    const other = await inside(empty);
    const fetch = issuerFetch({ allow: hostsOf([`http://127.0.0.1:${named.port}`]) });
    expect((await fetch(`http://127.0.0.1:${named.port}/`)).status).toBe(200);
    await expect(fetch(`http://127.0.0.1:${other.port}/`)).rejects.toBeInstanceOf(TargetRefused);
  });

  it('a name server that does not answer is not waited for', async () => {
    const fetch = issuerFetch({ allow: [], resolve: () => new Promise(() => undefined) });
    await expect(fetch('https://ci.example/', { signal: AbortSignal.timeout(20) })).rejects.toBeInstanceOf(
      TargetRefused,
    );
  });

  it('are not looked for where an issuer sends on: neither by redirect nor by its metadata', async () => {
    const secret = await inside(empty);
    const inner = `http://127.0.0.1:${secret.port}/`;
    const redirecting = await inside((_request, response) => {
      response.writeHead(302, { location: inner }).end();
    });
    const naming = await inside((request, response) => {
      response.end(JSON.stringify({ issuer: `http://${request.headers.host ?? ''}`, jwks_uri: inner }));
    });
    await using ci = await startCi();
    for (const { port } of [redirecting, naming]) {
      const issuer = `http://127.0.0.1:${port}`;
      const sut = new IdentityTokens({ fetch: issuerFetch({ allow: hostsOf([issuer]) }) });
      const token = await ci.identityToken({ iss: issuer, sub: 'job', aud: 'catalog' });
      await expect(sut.verify(token, issuer, ['catalog'])).rejects.toMatchObject({ code: 'idm-unavailable' });
    }
    expect([redirecting.asked.length, naming.asked.length]).toEqual([1, 1]);
    expect(secret.asked).toEqual([]);
  });

  it('without an end are broken off', async () => {
    let sent = 0;
    let isGone = false;
    const endless = await inside((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384))) sent += 16_384;
      };
      response.on('drain', more).on('close', () => {
        isGone = true;
      });
      more();
    });
    const issuer = `http://127.0.0.1:${endless.port}`;
    await using ci = await startCi();
    const sut = new IdentityTokens({ fetch: issuerFetch({ allow: hostsOf([issuer]) }) });
    const token = await ci.identityToken({ iss: issuer, sub: 'job', aud: 'catalog' });
    await expect(sut.verify(token, issuer, ['catalog'])).rejects.toMatchObject({ code: 'idm-unavailable' });
    await expect.poll(() => isGone).toBe(true);
    expect(sent).toBeLessThan(16 * 1024 * 1024);
  });
});
