import { createHash } from 'node:crypto';
import { tarEnd, tarHeader, tarPadding } from '@proxylet/artifact';
import { gzipOf, manifestOf, sound } from './bad-archives.js';
import type { CatalogProcess } from './catalog-process.js';
import { type Outcome, watchedRequest } from './watched-request.js';

/** A way for an archive into the catalog: as `acme/bad` 1.0.0, by somebody who may publish there. */
export interface ArchiveRoute {
  readonly name: string;
  readonly send: (pieces: Iterable<Buffer>) => Promise<Outcome>;
}

const target = 'acme/bad@1.0.0';
const boundary = 'a-boundary';

/** Every route that takes archives. */
export function archiveRoutes(
  catalog: () => CatalogProcess,
  authorization: () => string,
): readonly ArchiveRoute[] {
  const send = (
    method: string,
    path: string,
    type: string,
    pieces: Iterable<Buffer>,
    headers: Readonly<Record<string, string | number>> = {},
  ): Promise<Outcome> => {
    const { pid, url } = catalog().service;
    return watchedRequest(pid, {
      method,
      url: `${url}${path}`,
      headers: { authorization: authorization(), 'content-type': type, ...headers },
      pieces,
    });
  };
  const json = (method: string, path: string, body: object): Promise<Outcome> =>
    send(method, path, 'application/json', [Buffer.from(JSON.stringify(body))]);
  const version = '/v1/proxylets/acme/bad/versions/1.0.0';
  return [
    { name: 'PUT …/versions/{v}', send: (pieces) => send('PUT', version, 'application/gzip', pieces) },
    {
      name: 'POST /v1/publications',
      send: (pieces) =>
        send('POST', '/v1/publications', `multipart/form-data; boundary=${boundary}`, formOf(pieces)),
    },
    {
      name: 'POST /v1/uploads',
      send: async (pieces) => {
        const bytes = Buffer.concat([...pieces]);
        const opened = await json('POST', '/v1/uploads', {
          name: 'acme/bad',
          digest: digestOf(bytes),
          size: bytes.length,
        });
        if (opened.status !== 201) return opened;
        const id = String(opened.body['id']);
        const part = { 'upload-offset': 0, 'content-length': bytes.length };
        const sent = await send('PATCH', `/v1/uploads/${id}`, 'application/octet-stream', [bytes], part);
        const outcome = await json('PUT', version, { upload: id });
        await cancelUpload(catalog(), authorization(), id);
        return { ...outcome, peakBytes: Math.max(sent.peakBytes, outcome.peakBytes) };
      },
    },
    {
      name: 'POST /v1/import',
      send: (pieces) =>
        send('POST', '/v1/import', 'application/octet-stream', bundleOf(Buffer.concat([...pieces]))),
    },
  ];
}

export async function cancelUpload(
  { service }: CatalogProcess,
  authorization: string,
  id: string,
): Promise<void> {
  const request = { method: 'DELETE', headers: { authorization } };
  const { status } = await fetch(`${service.url}/v1/uploads/${id}`, request);
  if (status !== 204) throw new Error(`cancelling an upload was answered ${status}`);
}

/** A form with a sound archive before the other one: neither may remain. */
export function* formOf(pieces: Iterable<Buffer>, name = target): Generator<Buffer> {
  const before = gzipOf(manifestOf({ name: 'acme/before' }), { path: 'main.js', content: sound });
  yield partHead('acme/before@1.0.0', '');
  yield before;
  yield partHead(name);
  yield* pieces;
  yield Buffer.from(`\r\n--${boundary}--\r\n`);
}

function partHead(name: string, lead = '\r\n'): Buffer {
  return Buffer.from(
    `${lead}--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="x"\r\n\r\n`,
  );
}

/** A bundle with a sound archive before the other one, and an index that agrees with the bytes in it. */
export function bundleOf(bytes: Buffer, digest = digestOf(bytes)): Buffer[] {
  const before = gzipOf(manifestOf({ name: 'acme/before' }), { path: 'main.js', content: sound });
  const at = '2026-01-01T00:00:00.000Z';
  const proxylet = (name: string, archive: Buffer, digest: string): object => {
    const version = { version: '1.0.0', digest, sizeBytes: archive.length, state: 'published', stateAt: at };
    return { name, visibility: 'public', versions: [version], channels: [] };
  };
  const index = {
    format: 'proxylet-bundle',
    formatVersion: 1,
    exportedAt: at,
    source: 'https://catalog.example',
    proxylets: [proxylet('acme/before', before, digestOf(before)), proxylet('acme/bad', bytes, digest)],
    services: [],
  };
  return [
    ...tarMember('index.json', Buffer.from(JSON.stringify(index))),
    ...tarMember(`blobs/${digestOf(before).replace(':', '/')}`, before),
    ...tarMember(`blobs/${digest.replace(':', '/')}`, bytes),
    Buffer.from(tarEnd()),
  ];
}

export function tarMember(path: string, content: Buffer): Buffer[] {
  return [tarHeader(path, content.length), content, tarPadding(content.length)].map((part) =>
    Buffer.from(part),
  );
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
