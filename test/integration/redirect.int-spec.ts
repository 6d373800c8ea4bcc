import { randomBytes } from 'node:crypto';
import { sharedServer, startTestStack } from '@proxylet/testing';
import { expect, it } from 'vitest';

const endpoint = await sharedServer('rgw');

it.runIf(endpoint !== undefined)(
  'an engine installs from the object store its catalog sends it to, and without it from the catalog',
  async () => {
    const store = {
      PROXYLET_CATALOG_S3_ENDPOINT: endpoint ?? '',
      PROXYLET_CATALOG_S3_BUCKET: `redirect-${randomBytes(4).toString('hex')}`,
      PROXYLET_CATALOG_S3_ACCESS_KEY: 'proxylet',
      PROXYLET_CATALOG_S3_SECRET_KEY: 'proxylet-secret',
      PROXYLET_CATALOG_DELIVERY: 'redirect',
    };
    const settings: Record<string, string> = { ...store };
    await using stack = await startTestStack({ catalog: settings });
    await stack.deploy('alice', says('demo/direct'));
    expect(await (await stack.run('alice', 'demo/direct')).text()).toBe('I am demo/direct');
    const sent = await metric(stack.catalog.url);
    expect(sent).toBe(0);

    // An address that readers cannot reach.
    settings['PROXYLET_CATALOG_S3_PUBLIC_ENDPOINT'] = 'http://127.0.0.1:9';
    await stack.catalog.restart();
    await stack.deploy('alice', says('demo/proxied'));
    expect(await (await stack.run('alice', 'demo/proxied')).text()).toBe('I am demo/proxied');
    expect(await metric(stack.catalog.url)).toBeGreaterThan(0);
  },
);

/** A proxylet that says who it is. */
function says(name: string): { readonly name: string; readonly source: string } {
  return { name, source: `export default { fetch: () => new Response('I am ${name}') };` };
}

/** Bytes of archives the catalog itself has sent. */
async function metric(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^proxylet_catalog_blob_sent_bytes_total (\d+)$/m.exec(text)?.[1]);
}
