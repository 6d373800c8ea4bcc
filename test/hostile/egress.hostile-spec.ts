import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Canary } from '../support/canary.js';
import { fetcher } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

let canary: Canary;
/** Opened by an admin: sends on to wherever its query says. */
let redirector: Canary;

beforeAll(async () => {
  canary = await Canary.listen();
  redirector = await Canary.listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://redirector');
    const to = pathname === '/loop' ? '/loop' : searchParams.get('to');
    if (to === null) {
      response.end('reached');
      return;
    }
    // Header values are bytes: names beyond ASCII go out as UTF-8, as browsers read them.
    const location = Buffer.from(to).toString('latin1');
    response.writeHead(Number(searchParams.get('status') ?? 302), { location }).end();
  });
});
afterAll(async () => {
  await canary[Symbol.asyncDispose]();
  await redirector[Symbol.asyncDispose]();
});

const suite = useStack();

interface Outcome {
  readonly refused?: string;
  readonly status?: number;
  readonly body?: string;
  readonly url?: string;
  readonly redirected?: boolean;
}

async function fetchAs(name: string, url: string, init?: object): Promise<Outcome> {
  const response = await suite.stack.run('alice', name, '/', {
    method: 'POST',
    body: JSON.stringify({ url, init }),
  });
  expect(response.status).toBe(200);
  return (await response.json()) as Outcome;
}

/** Ways to write 127.0.0.1, ::1 and names for them. */
const loopbacks = [
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '2130706433',
  '0x7f000001',
  '0x7F.0.0.1',
  '0177.0.0.1',
  '017700000001',
  '127.000.000.001',
  '127.0.0.1.',
  '0',
  '0.0.0.0',
  '127.255.255.254',
  'localhost',
  'LOCALHOST',
  'localhost.',
  'a.localhost',
  '%31%32%37.0.0.1',
  '１２７.0.0.1',
  '①②⑦.⓪.⓪.①',
  '127。0。0。1',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
];

describe('a host that the manifest does not declare', () => {
  it('is not reached, however its address is written', async () => {
    const { stack } = suite;
    await stack.deploy('alice', {
      name: 'egress/undeclared',
      source: fetcher,
      manifest: { fetch: ['https://api.example.com'] },
    });
    for (const host of loopbacks) {
      const { refused } = await fetchAs('egress/undeclared', `http://${host}:${canary.port}/${host}`);
      expect.soft(refused, host).toMatch(/TypeError/);
    }
    for (const url of [
      `http://api.example.com@127.0.0.1:${canary.port}/`,
      `http://127.0.0.1:${canary.port}#@api.example.com/`,
      `http://127.0.0.1:${canary.port}\\@api.example.com/`,
      `http://api.example.com:${canary.port}@localhost:${canary.port}/`,
      'file:///etc/passwd',
      'data:text/plain,hello',
      'ftp://127.0.0.1/',
      `//127.0.0.1:${canary.port}/`,
      'unix:/run/docker.sock',
    ]) {
      expect.soft((await fetchAs('egress/undeclared', url)).refused, url).toMatch(/TypeError/);
    }
    expect(canary.hits).toEqual([]);
    expect(canary.connections).toBe(0);
  });

  it('is not reached by a proxylet that declares nothing, nor without consent', async () => {
    const { stack } = suite;
    await stack.deploy('alice', { name: 'egress/nothing', source: fetcher });
    expect((await fetchAs('egress/nothing', canary.origin)).refused).toMatch(/not granted/);
    await stack.deploy(
      'alice',
      { name: 'egress/no-consent', source: fetcher, manifest: { fetch: [canary.origin] } },
      { consent: { fetch: [] } },
    );
    expect((await fetchAs('egress/no-consent', canary.origin)).refused).toMatch(/not granted/);
    expect(canary.connections).toBe(0);
  });
});

describe('a private host that the manifest declares and the user grants', () => {
  it('is not reached, however its address is written', async () => {
    const { stack } = suite;
    const declarable = loopbacks.filter((host) => /^[a-z0-9]+(?:[.-][a-z0-9]+)*$/.test(host));
    expect(declarable.length).toBeGreaterThan(10);
    await stack.deploy('alice', {
      name: 'egress/declared',
      source: fetcher,
      manifest: {
        fetch: [
          ...declarable.map((host) => `http://${host}:${canary.port}`),
          `http://*.localhost:${canary.port}`,
        ],
      },
    });
    for (const host of loopbacks) {
      const { refused } = await fetchAs('egress/declared', `http://${host}:${canary.port}/${host}`);
      expect.soft(refused, host).toMatch(/TypeError/);
    }
    expect(canary.hits).toEqual([]);
    expect(canary.connections).toBe(0);
  });

  it('is not reached even where it is the engine, the catalog or the IdM', async () => {
    const { stack } = suite;
    const origins = [stack.engine.url, stack.catalog.url, stack.idm.url];
    await stack.deploy('alice', { name: 'egress/self', source: fetcher, manifest: { fetch: origins } });
    for (const origin of origins) {
      expect
        .soft((await fetchAs('egress/self', `${origin}/version`)).refused, origin)
        .toMatch(/public internet/);
    }
  });

  it('nor are the addresses of clouds and private networks', async () => {
    const hosts = [
      '169.254.169.254',
      '10.0.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '100.64.0.1',
      '224.0.0.1',
      '255.255.255.255',
    ];
    await suite.stack.deploy('alice', {
      name: 'egress/cloud',
      source: fetcher,
      manifest: { fetch: hosts.map((host) => `http://${host}`) },
    });
    for (const host of hosts) {
      expect
        .soft((await fetchAs('egress/cloud', `http://${host}/latest/meta-data`)).refused, host)
        .toMatch(/public internet/);
    }
  });
});

describe('an origin that an admin opened', () => {
  beforeAll(async () => {
    const { stack } = suite;
    await stack.send('PUT', `${stack.engine.url}/v1/admin/egress`, 'adam', 'engine', {
      origin: redirector.origin,
      proxylets: ['egress/opened'],
    });
    const manifest = { fetch: [redirector.origin, canary.origin] };
    await stack.deploy('alice', { name: 'egress/opened', source: fetcher, manifest });
    await stack.deploy('alice', { name: 'egress/closed', source: fetcher, manifest });
  });

  it('is reached by the named proxylet and by no other', async () => {
    expect(await fetchAs('egress/opened', `${redirector.origin}/`)).toMatchObject({
      status: 200,
      body: 'reached',
    });
    expect((await fetchAs('egress/closed', `${redirector.origin}/`)).refused).toMatch(/public internet/);
  });

  it.each([301, 302, 303, 307, 308])(
    'cannot send a %i on to a private host, declared or not',
    async (status) => {
      const before = redirector.hits.length;
      for (const host of loopbacks) {
        const to = encodeURIComponent(`http://${host}:${canary.port}/`);
        const { refused } = await fetchAs('egress/opened', `${redirector.origin}/?status=${status}&to=${to}`);
        expect.soft(refused, host).toMatch(/TypeError/);
      }
      expect(redirector.hits.length).toBe(before + loopbacks.length);
      expect(canary.hits).toEqual([]);
      expect(canary.connections).toBe(0);
    },
  );

  it('may redirect within itself, but not for ever', async () => {
    const onward = `${redirector.origin}/?to=${encodeURIComponent('/there')}`;
    const outcome = { status: 200, redirected: true, url: `${redirector.origin}/there`, body: 'reached' };
    expect(await fetchAs('egress/opened', onward)).toEqual(outcome);
    expect((await fetchAs('egress/opened', `${redirector.origin}/loop`)).refused).toMatch(/redirects/);
  });

  it('does not get what the caller sent to the engine', async () => {
    const { stack } = suite;
    const seen: string[] = [];
    await using listener = await Canary.listen((request, response) => {
      seen.push(JSON.stringify(request.headers));
      response.end();
    });
    await stack.send('PUT', `${stack.engine.url}/v1/admin/egress`, 'adam', 'engine', {
      origin: listener.origin,
      proxylets: ['egress/leak'],
    });
    await stack.deploy('alice', {
      name: 'egress/leak',
      source: `export default { fetch: (request) => fetch(${JSON.stringify(listener.origin)}, { headers: request.headers }) };`,
      manifest: { fetch: [listener.origin] },
    });
    expect((await stack.run('alice', 'egress/leak')).status).toBe(200);
    const token = await stack.token('alice', 'engine');
    expect(seen).toHaveLength(1);
    expect(seen[0]).not.toContain(token);
    expect(seen[0]).not.toContain('authorization');
  });
});
