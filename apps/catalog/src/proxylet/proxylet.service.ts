import { Inject } from '@nestjs/common';
import { formatName, type Page, parseName, Problem } from '@proxylet/contract';
import { decodeCursor, encodeCursor, etagOf } from '@proxylet/nest';
import { z } from 'zod';
import { Database } from '../database/database.js';
import { signersOf } from '../provenance/signature.service.js';
import { assertNotHeld } from '../rights/held.js';
import type { ReadRights } from '../rights/read-rights.js';
import { versionKeyOf } from './precedence.js';
import type { ListedVersion, ProxyletView, VersionItem, VersionView } from './proxylet.schemas.js';
import * as sql from './read-sql.js';
import { parseFacts } from './version-facts.js';

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
    const { namespace, name: own } = parseName(name);
    const [row] = await sql.findShown(this.database.read, [namespace, own]);
    if (row === undefined || !(await reader.mayRead(this.database.read, row))) throw noProxylet(name);
    const { description, keywords, license, runtime, capabilities } = parseFacts(row.facts);
    const downloads = Number(row.downloads ?? 0);
    const channels = await sql.findChannels(this.database.read, [row.id]);
    const view: ProxyletView = {
      name,
      ...(description === undefined ? {} : { description }),
      ...(keywords === undefined ? {} : { keywords: [...keywords] }),
      ...(license === undefined ? {} : { license }),
      ...(row.latest === null ? {} : { latest: row.version }),
      version: row.version,
      runtime,
      capabilities: [...capabilities],
      visibility: row.visibility,
      createdAt: row.createdAt,
      downloads,
      shown: itemOf(row),
      channels: Object.fromEntries(channels.map((channel) => [channel.name, channel.version])),
    };
    return { view, etag: etagOf(name, String(row.revision), row.visibility, String(downloads)) };
  }

  /** Highest first. @throws Problem `not-found`, `invalid-request` for a foreign cursor */
  async versions(
    name: string,
    limit: number,
    cursor: string | undefined,
    reader: ReadRights,
  ): Promise<Page<ListedVersion>> {
    const { namespace, name: own } = parseName(name);
    const manager = this.database.read;
    const [head] = await sql.findHead(manager, [namespace, own]);
    if (head === undefined || !(await reader.mayRead(manager, head))) throw noProxylet(name);
    const below = cursor === undefined ? sql.topPrecedence : decodeCursor(cursor, versionsCursor).below;
    const rows = await sql.listVersions(manager, [head.id, below, limit + 1]);
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const nextCursor =
      rows.length > limit && last !== undefined ? encodeCursor({ below: last.precedence }) : undefined;
    return { items: items.map(listedOf), ...(nextCursor === undefined ? {} : { nextCursor }) };
  }

  /** @throws Problem `not-found` */
  async version(name: string, version: string, reader: ReadRights): Promise<Tagged<VersionView>> {
    const row = await this.read(name, version, reader);
    const signers = await signersOf(this.database.read, row.id);
    return { view: viewOf(name, row, signers), etag: tagOfVersion(row.digest, row.stateId, signers) };
  }

  /** @throws Problem `not-found`, also where the version has no README; `quarantined` */
  async readme(name: string, version: string, reader: ReadRights): Promise<Tagged<string>> {
    const row = await this.read(name, version, reader);
    assertNotHeld(row, `${name} ${version}`);
    if (row.readme !== null) return { view: row.readme, etag: etagOf('readme', row.digest) };
    throw new Problem('not-found', `${name} ${version} has no README.`);
  }

  private async read(name: string, version: string, reader: ReadRights): Promise<sql.WholeRow> {
    const { namespace, name: own } = parseName(name);
    const manager = this.database.read;
    const [row] = await sql.findWhole(manager, [namespace, own, versionKeyOf(version), version]);
    if (row !== undefined && (await reader.mayRead(manager, row))) return row;
    // Which of the two is not there: of a proxylet that is hidden, neither.
    const [head] = row === undefined ? await sql.findHead(manager, [namespace, own]) : [];
    if (head === undefined || !(await reader.mayRead(manager, head))) throw noProxylet(name);
    throw new Problem('not-found', `There is no version ${version} of ${name}.`);
  }
}

function noProxylet(name: string): Problem {
  return new Problem('not-found', `There is no proxylet ${formatName(parseName(name))}.`);
}

/** Changes with each state of the version, and with each signature. */
export function etagOfVersion(
  row: { readonly digest: string; readonly current: { readonly id: number } },
  signers: readonly string[],
): string {
  return tagOfVersion(row.digest, row.current.id, signers);
}

function tagOfVersion(digest: string, stateId: number | string, signers: readonly string[]): string {
  return etagOf(digest, String(stateId), ...signers);
}

function itemOf(row: sql.SlimRow): VersionItem {
  const { version, digest, sizeBytes, publishedAt, state, reason, severity } = row;
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

function listedOf(row: sql.ListedRow): ListedVersion {
  return { ...itemOf(row), downloads: Number(row.downloads ?? 0) };
}

function viewOf(name: string, row: sql.WholeRow, signers: readonly string[]): VersionView {
  return {
    name,
    ...itemOf(row),
    publishedBy: row.publishedBy,
    blob: `/v1/blobs/${row.digest}`,
    hasReadme: row.readme !== null,
    signedBy: [...signers],
    manifest: JSON.parse(row.manifest) as VersionView['manifest'],
    files: JSON.parse(row.files) as VersionView['files'],
    warnings: JSON.parse(row.warnings) as VersionView['warnings'],
  };
}
