import { Inject } from '@nestjs/common';
import { formatName, type Page, parseName, Problem } from '@proxylet/contract';
import { decodeCursor, encodeCursor, etagOf } from '@proxylet/nest';
import { z } from 'zod';
import { Database } from '../database/database.js';
import { ChannelRow, VersionRow } from '../database/proxylet.entity.js';
import { assertNotHeld } from '../rights/held.js';
import type { ReadRights } from '../rights/read-rights.js';
import type { ProxyletView, VersionItem, VersionView } from './proxylet.schemas.js';
import { parseFacts } from './version-facts.js';
import {
  type CurrentVersion,
  manyCurrent,
  oneCurrent,
  readProxylet,
  readVersion,
  slimVersionsOf,
} from './version-queries.js';

/** An answer and its entity tag. */
export interface Tagged<T> {
  readonly view: T;
  readonly etag: string;
}

const versionsCursor = z.strictObject({ below: z.string() });

/** What the catalog knows of one proxylet and its versions. */
export class ProxyletService {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** @throws Problem `not-found` */
  async get(name: string, reader: ReadRights): Promise<Tagged<ProxyletView>> {
    const manager = this.database.read;
    const proxylet = await readProxylet(manager, reader, parseName(name));
    const { latestVersionId, shownVersionId } = proxylet;
    const shown = await oneCurrent(
      slimVersionsOf(manager, proxylet.id).andWhere('v.id = :shownVersionId', { shownVersionId }),
    );
    if (shown === undefined) throw new Problem('not-found', `There is no version of ${name}.`);
    const { description, keywords, license, runtime, capabilities } = parseFacts(shown.facts);
    const view: ProxyletView = {
      name,
      ...(description === undefined ? {} : { description }),
      ...(keywords === undefined ? {} : { keywords: [...keywords] }),
      ...(license === undefined ? {} : { license }),
      ...(latestVersionId === null ? {} : { latest: shown.version }),
      version: shown.version,
      runtime,
      capabilities: [...capabilities],
      visibility: proxylet.visibility,
      createdAt: proxylet.createdAt,
      shown: itemOf(shown),
      channels: await this.channels(proxylet.id),
    };
    return { view, etag: etagOf(name, String(proxylet.revision)) };
  }

  /** Highest first. @throws Problem `not-found`, `invalid-request` for a foreign cursor */
  async versions(
    name: string,
    limit: number,
    cursor: string | undefined,
    reader: ReadRights,
  ): Promise<Page<VersionItem>> {
    const manager = this.database.read;
    const proxylet = await readProxylet(manager, reader, parseName(name));
    const query = slimVersionsOf(manager, proxylet.id)
      .orderBy('v.precedence', 'DESC')
      .limit(limit + 1);
    if (cursor !== undefined) query.andWhere('v.precedence < :below', decodeCursor(cursor, versionsCursor));
    const rows = await manyCurrent(query);
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const nextCursor =
      rows.length > limit && last !== undefined ? encodeCursor({ below: last.precedence }) : undefined;
    return { items: items.map(itemOf), ...(nextCursor === undefined ? {} : { nextCursor }) };
  }

  /** @throws Problem `not-found` */
  async version(name: string, version: string, reader: ReadRights): Promise<Tagged<VersionView>> {
    const row = await readVersion(this.database.read, reader, parseName(name), version);
    return { view: viewOf(name, row), etag: etagOfVersion(row) };
  }

  /** @throws Problem `not-found`, also where the version has no README */
  async readme(name: string, version: string, reader: ReadRights): Promise<Tagged<string>> {
    const row = await readVersion(this.database.read, reader, parseName(name), version);
    assertNotHeld(row.current, `${name} ${version}`);
    if (row.readme !== null) return { view: row.readme, etag: etagOf('readme', row.digest) };
    throw new Problem('not-found', `${name} ${version} has no README.`);
  }

  private async channels(proxyletId: number): Promise<Record<string, string>> {
    const rows = await this.database.read
      .createQueryBuilder(ChannelRow, 'c')
      .innerJoin(VersionRow, 'v', 'v.id = c.versionId')
      .select(['c.name AS name', 'v.version AS version'])
      .where('c.proxyletId = :proxyletId', { proxyletId })
      .orderBy('c.name')
      .getRawMany<{ name: string; version: string }>();
    return Object.fromEntries(rows.map((row) => [row.name, row.version]));
  }
}

export function etagOfVersion(row: CurrentVersion): string {
  return etagOf(row.digest, String(row.current.id));
}

export function itemOf({ version, digest, sizeBytes, publishedAt, current }: CurrentVersion): VersionItem {
  const { state, reason, severity } = current;
  return {
    version,
    digest,
    sizeBytes,
    state,
    ...(reason === '' ? {} : { stateReason: reason }),
    ...(severity === null ? {} : { severity }),
    publishedAt,
  };
}

function viewOf(name: string, row: CurrentVersion): VersionView {
  return {
    name: formatName(parseName(name)),
    ...itemOf(row),
    publishedBy: row.publishedBy,
    blob: `/v1/blobs/${row.digest}`,
    hasReadme: row.readme !== null,
    manifest: JSON.parse(row.manifest) as VersionView['manifest'],
    files: JSON.parse(row.files) as VersionView['files'],
    warnings: JSON.parse(row.warnings) as VersionView['warnings'],
  };
}
