import { startTestCatalogs } from '@proxylet/testing';

/** The catalog as it ships, on SQLite and a folder: every request carries a token, every archive is checked. */
export async function startCatalog() {
  const test = await startTestCatalogs();
  const [catalog] = test.catalogs;
  const headers = async () => ({ authorization: await test.bearer('paula') });
  return {
    name: 'catalog',
    url: catalog.url,
    pid: () => catalog.pid,
    headers,
    claim: async (namespace) => {
      const url = `${catalog.url}/v1/namespaces/${namespace}`;
      const response = await fetch(url, { method: 'PUT', headers: await headers() });
      if (!response.ok) throw new Error(`The catalog refused the namespace: ${await response.text()}`);
    },
    publication: ({ name, version, bytes }) => ({
      path: `/v1/proxylets/${name}/versions/${version}`,
      headers: { 'content-type': 'application/gzip' },
      body: bytes,
    }),
    metadataPath: (name) => `/v1/proxylets/${name}`,
    blobPath: ({ digest }) => `/v1/blobs/${digest}`,
    stop: () => test[Symbol.asyncDispose](),
  };
}
