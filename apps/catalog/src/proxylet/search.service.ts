import { Inject } from '@nestjs/common';
import { formatName, type Page } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import type { SelectQueryBuilder } from 'typeorm';
import { z } from 'zod';
import { Database } from '../database/database.js';
import { ProxyletRow, VersionRow } from '../database/proxylet.entity.js';
import { ServiceQueries } from '../service/service-queries.js';
import type { ProxyletItem } from './proxylet.schemas.js';
import { parseFacts } from './version-facts.js';

export interface Search {
  readonly q?: string | undefined;
  readonly namespace?: string | undefined;
  /** Type of runtime. */
  readonly runtime?: string | undefined;
  readonly capability?: string | undefined;
  /** Name of a service: its proxylets. */
  readonly service?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

const listCursor = z.strictObject({ namespace: z.string(), name: z.string() });

export class SearchService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceQueries) private readonly services: ServiceQueries,
  ) {}

  /** By name. @throws Problem `not-found` for an unknown service, `invalid-request` for a foreign cursor */
  async search(search: Search): Promise<Page<ProxyletItem>> {
    const query = this.database.read
      .createQueryBuilder(ProxyletRow, 'p')
      .innerJoin(VersionRow, 'v', 'v.id = p.shownVersionId')
      .select(['p.namespace AS namespace', 'p.name AS name', 'p.latestVersionId AS latest'])
      .addSelect(['v.version AS version', 'v.facts AS facts'])
      .orderBy('p.namespace')
      .addOrderBy('p.name')
      .limit(search.limit + 1);
    applyFilters(query, search);
    if (search.service !== undefined) await this.onlyOfService(query, search.service);
    const rows = await query.getRawMany<FoundRow>();
    const items = rows.slice(0, search.limit);
    const last = items.at(-1);
    const isMore = rows.length > search.limit && last !== undefined;
    const nextCursor = isMore ? encodeCursor({ namespace: last.namespace, name: last.name }) : undefined;
    return { items: items.map(itemOf), ...(nextCursor === undefined ? {} : { nextCursor }) };
  }

  private async onlyOfService(query: SelectQueryBuilder<ProxyletRow>, service: string): Promise<void> {
    const { definition } = await this.services.needHighest(service, '*');
    query.andWhere("p.namespace || '/' || p.name IN (:...names)", {
      names: Object.keys(definition.proxylets),
    });
  }
}

interface FoundRow {
  readonly namespace: string;
  readonly name: string;
  readonly latest: number | null;
  readonly version: string;
  readonly facts: string;
}

function applyFilters(query: SelectQueryBuilder<ProxyletRow>, search: Search): void {
  const { q, namespace, runtime, capability, cursor } = search;
  // Every word must occur.
  for (const [index, word] of (q ?? '').toLowerCase().split(/\s+/).filter(Boolean).entries()) {
    query.andWhere(`p.searchText LIKE :word${index} ESCAPE '\\'`, {
      [`word${index}`]: `%${escapeLike(word)}%`,
    });
  }
  if (namespace !== undefined) query.andWhere('p.namespace = :namespace', { namespace });
  if (runtime !== undefined) query.andWhere('v.runtimeType = :runtime', { runtime });
  if (capability !== undefined) {
    query.andWhere("v.capabilities LIKE :capability ESCAPE '\\'", {
      capability: `% ${escapeLike(capability)} %`,
    });
  }
  if (cursor === undefined) return;
  const after = decodeCursor(cursor, listCursor);
  query.andWhere(
    '(p.namespace > :afterNamespace OR (p.namespace = :afterNamespace AND p.name > :afterName))',
    {
      afterNamespace: after.namespace,
      afterName: after.name,
    },
  );
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, (character) => `\\${character}`);
}

function itemOf({ namespace, name, latest, version, facts }: FoundRow): ProxyletItem {
  const { description, keywords, license, runtime, capabilities } = parseFacts(facts);
  return {
    name: formatName({ namespace, name }),
    ...(description === undefined ? {} : { description }),
    ...(keywords === undefined ? {} : { keywords: [...keywords] }),
    ...(license === undefined ? {} : { license }),
    ...(latest === null ? {} : { latest: version }),
    version,
    runtime,
    capabilities: [...capabilities],
  };
}
