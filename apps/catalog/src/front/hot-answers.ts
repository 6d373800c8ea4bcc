import { createHash } from 'node:crypto';
import { type Digest, isDigest, isNamePart, isVersion } from '@proxylet/contract';
import { pageQuery } from '@proxylet/nest';
import { z } from 'zod';
import { type Artifacts, archiveType, dispositionOf, keepForEver } from '../blob/artifacts.js';
import type { Database } from '../database/database.js';
import type { ProxyletService } from '../proxylet/proxylet.service.js';
import { findHead, type HeadRow } from '../proxylet/read-sql.js';
import { ReadRights } from '../rights/read-rights.js';
import { sizeOfReadable } from '../rights/readable-blob.js';
import type { Answer } from './answer-cache.js';

/** What the makers of answers read from. */
export interface HotSources {
  readonly database: Database;
  readonly proxylets: ProxyletService;
  /** Undefined where readers are sent to the store for archives. */
  readonly artifacts: Artifacts | undefined;
}

type Made = Omit<Answer, 'stamp' | 'checkedAtMs'>;
/** Makes the answer; undefined where it is not for everybody, or too large to keep. */
export type Maker = (sources: HotSources) => Promise<Made | undefined>;

/** Larger archives are streamed. */
const maxArchiveBytes = 256 * 1024;
const proxyletPath = '/v1/proxylets/';
const blobPath = '/v1/blobs/';
const everybody = ReadRights.anonymous;
const page = z.strictObject(pageQuery);

/** Whether an address can be one of those whose answers are kept. */
export function isHotPath(url: string): boolean {
  return url.startsWith(proxyletPath) || url.startsWith(blobPath);
}

/** How to answer an address; undefined where it is not one of the kept, or not in its plainest form. */
export function makerOf(url: string): Maker | undefined {
  if (url.startsWith(blobPath)) {
    const digest = url.slice(blobPath.length);
    return isDigest(digest) ? (sources) => archiveAnswer(sources, digest) : undefined;
  }
  const [path = '', query, ...rest] = url.slice(proxyletPath.length).split('?');
  const [namespace = '', name = '', versions, version, ...more] = path.split('/');
  if (rest.length > 0 || more.length > 0 || !isNamePart(namespace) || !isNamePart(name)) return undefined;
  const target = { namespace, name };
  if (versions === undefined)
    return query === undefined ? (sources) => proxyletAnswer(sources, target) : undefined;
  if (versions !== 'versions') return undefined;
  if (version === undefined) return listMaker(target, query);
  if (query !== undefined || !isVersion(version)) return undefined;
  return (sources) => versionAnswer(sources, target, version);
}

interface Target {
  readonly namespace: string;
  readonly name: string;
}

function listMaker(target: Target, query = ''): Maker | undefined {
  const parameters = [...new URLSearchParams(query)];
  const wanted = page.safeParse(Object.fromEntries(parameters));
  if (!wanted.success || new Set(parameters.map(([name]) => name)).size < parameters.length) return undefined;
  const { limit, cursor } = wanted.data;
  return async ({ database, proxylets }) =>
    await aboutProxylet(database, target, '/v1/proxylets/:ns/:name/versions', async (full) => ({
      view: await proxylets.versions(full, limit, cursor, everybody),
      etag: undefined,
    }));
}

async function proxyletAnswer(
  { database, proxylets }: HotSources,
  target: Target,
): Promise<Made | undefined> {
  return await aboutProxylet(database, target, '/v1/proxylets/:ns/:name', (full) =>
    proxylets.get(full, everybody),
  );
}

async function versionAnswer(
  { database, proxylets }: HotSources,
  target: Target,
  version: string,
): Promise<Made | undefined> {
  return await aboutProxylet(database, target, '/v1/proxylets/:ns/:name/versions/:v', (full) =>
    proxylets.version(full, version, everybody),
  );
}

/** Whatever changes about a proxylet gives its row another mark; the mark is read before the rest. */
async function aboutProxylet(
  database: Database,
  { namespace, name }: Target,
  route: string,
  look: (full: string) => Promise<{ readonly view: unknown; readonly etag: string | undefined }>,
): Promise<Made | undefined> {
  const mark = async () => markOf((await findHead(database.read, [namespace, name]))[0]);
  const before = await mark();
  if (before === undefined) return undefined;
  const { view, etag } = await look(`${namespace}/${name}`);
  const body = Buffer.from(JSON.stringify(view));
  const tagged = etag === undefined ? [] : ['etag', etag, 'cache-control', 'private, no-cache'];
  const headers = ['content-type', 'application/json; charset=utf-8', ...tagged];
  const isCurrent = async () => (await mark()) === before;
  return { route, etag, headers, body, download: undefined, isCurrent };
}

/** Undefined for what is not public. */
function markOf(head: HeadRow | undefined): string | undefined {
  if (head?.visibility !== 'public') return undefined;
  return `${head.id} ${head.revision} ${head.downloads ?? 0}`;
}

async function archiveAnswer({ database, artifacts }: HotSources, digest: Digest): Promise<Made | undefined> {
  if (artifacts === undefined) return undefined;
  const sizeBytes = await sizeOfReadable(database.read, digest, everybody);
  if (sizeBytes > maxArchiveBytes) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of (await artifacts.open(digest)) ?? []) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  const hash = createHash('sha256').update(body).digest();
  // Bytes that rotted are for the stream to show; they are not kept.
  if (`sha256:${hash.toString('hex')}` !== digest) return undefined;
  const isCurrent = async () => (await sizeOfReadable(database.read, digest, everybody)) === sizeBytes;
  return {
    route: '/v1/blobs/:digest',
    etag: `"${digest}"`,
    headers: Object.entries({
      'content-type': archiveType,
      etag: `"${digest}"`,
      'repr-digest': `sha-256=:${hash.toString('base64')}:`,
      'accept-ranges': 'bytes',
      'cache-control': keepForEver,
      'content-disposition': dispositionOf(digest),
    }).flat(),
    body,
    download: digest,
    isCurrent,
  };
}
