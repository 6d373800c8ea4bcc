import { createHash } from 'node:crypto';
import { Inject } from '@nestjs/common';
import { tarEnd, tarHeader, tarPadding } from '@proxylet/artifact';
import { type Digest, parseName, Problem } from '@proxylet/contract';
import { ServiceInfo } from '@proxylet/nest';
import { Artifacts } from '../blob/artifacts.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { statement } from '../database/sql.js';
import { manyCurrent, needProxylet, slimVersionsOf } from '../proxylet/version-queries.js';
import type { BundleChoice } from './bundle-choice.js';
import {
  blobPath,
  type BundledProxylet,
  type BundledVersion,
  type BundleIndex,
  indexPath,
  sumsPath,
} from './bundle-index.js';

/** Versions asked for in one query. */
const step = 400;

const findChannels = statement<{ name: string; version: string; at: string }>(
  `SELECT c.name, v.version, m.at FROM channel c JOIN version v ON v.id = c.version_id
   JOIN channel_move m ON m.id = (SELECT MAX(x.id) FROM channel_move x WHERE x.proxylet_id = c.proxylet_id AND x.channel = c.name)
   WHERE c.proxylet_id = $1 ORDER BY c.name`,
);

/** Makes bundles: a tar of an index, archives and their sums, written as it is sent. */
export class BundleWriter {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Artifacts) private readonly artifacts: Artifacts,
    @Inject(ServiceInfo) private readonly info: ServiceInfo,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  async index({ versions, services }: BundleChoice): Promise<BundleIndex> {
    const proxylets: BundledProxylet[] = [];
    for (const [name, chosen] of [...versions].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      proxylets.push(await this.proxylet(name, chosen));
    return {
      format: 'proxylet-bundle',
      formatVersion: 1,
      exportedAt: this.clock.now(),
      source: this.info.publicUrl,
      proxylets,
      services: [...services].map(([name, { definition }]) => Object.assign({ name }, definition)),
    };
  }

  /**
   * The bytes of a bundle. Each archive is compared with its digest on the way; where one differs the stream breaks
   * off, and the bundle lacks its end.
   *
   * @throws Problem `artifact-corrupt`, `storage-unavailable`
   */
  async *bytes(index: BundleIndex): AsyncGenerator<Uint8Array> {
    const text = Buffer.from(`${JSON.stringify(index, null, 1)}\n`);
    const sums = [sumLine(createHash('sha256').update(text).digest('hex'), indexPath)];
    yield* entry(indexPath, text);
    for (const { digest, sizeBytes } of index.proxylets.flatMap(({ versions }) => versions)) {
      yield tarHeader(blobPath(digest), sizeBytes);
      yield* this.archive(digest, sizeBytes);
      yield tarPadding(sizeBytes);
      sums.push(sumLine(digest.slice('sha256:'.length), blobPath(digest)));
    }
    yield* entry(sumsPath, Buffer.from(sums.join('')));
    yield tarEnd();
  }

  private async *archive(digest: Digest, sizeBytes: number): AsyncGenerator<Uint8Array> {
    const lost = new Problem(
      'artifact-corrupt',
      `The store of this catalog has lost the bytes of ${digest}.`,
    );
    const stream = await this.artifacts.open(digest);
    if (stream === undefined) throw lost;
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > sizeBytes) throw lost;
      hash.update(chunk);
      yield chunk;
    }
    if (bytes !== sizeBytes || `sha256:${hash.digest('hex')}` !== digest) throw lost;
  }

  private async proxylet(name: string, chosen: ReadonlySet<string>): Promise<BundledProxylet> {
    const manager = this.database.read;
    const { id, visibility } = await needProxylet(manager, parseName(name));
    const versions: BundledVersion[] = [];
    const all = [...chosen];
    for (let at = 0; at < all.length; at += step) {
      const query = slimVersionsOf(manager, id).andWhere('v.version IN (:...some)', {
        some: all.slice(at, at + step),
      });
      for (const { version, digest, sizeBytes, current } of await manyCurrent(query)) {
        const { state, reason: stateReason, severity, at: stateAt } = current;
        versions.push({
          version,
          digest,
          sizeBytes,
          state,
          stateReason,
          ...(severity === null ? {} : { severity }),
          stateAt,
        });
      }
    }
    const channels = await findChannels(manager, [id]);
    return { name, visibility, versions, channels: channels.filter(({ version }) => chosen.has(version)) };
  }
}

export function sumLine(hex: string, path: string): string {
  return `${hex}  ${path}\n`;
}

function* entry(path: string, bytes: Uint8Array): Generator<Uint8Array> {
  yield tarHeader(path, bytes.byteLength);
  yield bytes;
  yield tarPadding(bytes.byteLength);
}
