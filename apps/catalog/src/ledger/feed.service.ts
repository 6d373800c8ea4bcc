import { Inject } from '@nestjs/common';
import { Problem } from '@proxylet/contract';
import { Database } from '../database/database.js';
import { FeedRow } from '../database/ledger.entity.js';
import { type SqlValue, statement } from '../database/sql.js';
import type { ReadRights } from '../rights/read-rights.js';
import type { Change, ChangesPage } from './feed.schemas.js';
import { ServiceSight } from './service-sight.js';

/** Rows looked at for one page, whatever the reader may see of them. */
const scanRows = 10_000;

export interface FeedBounds {
  readonly epoch: string;
  /** Number of the newest change; 0 where there is none. */
  readonly last: number;
  /** Number of the oldest change still kept; 1 where there is none. */
  readonly oldest: number;
}

interface RawChange {
  readonly seq: number | string;
  readonly kind: string;
  readonly key: string;
  readonly digest: string | null;
  readonly at: string;
  readonly data: string;
}

type Page = Pick<ChangesPage, 'items' | 'last'>;

/** The change feed as one reader sees it: everything it may read, in the order of commits, each change once. */
export class FeedService {
  private epoch: string | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceSight) private readonly services: ServiceSight,
  ) {}

  async bounds(): Promise<FeedBounds> {
    this.epoch ??= (await this.database.read.findOneByOrFail(FeedRow, { id: 1 })).epoch;
    const [row]: { last: number | string | null; oldest: number | string | null }[] =
      await this.database.read.query(
        'SELECT (SELECT MAX(seq) FROM change) AS last, (SELECT MIN(seq) FROM change) AS oldest',
      );
    return { epoch: this.epoch, last: Number(row?.last ?? 0), oldest: Number(row?.oldest ?? 1) };
  }

  /**
   * Changes after `since`, at most `limit`. `last` is where to go on: it moves past what the reader may not see.
   *
   * @throws Problem `changes-gone` where the feed does not reach back that far, or not yet that far
   */
  async page(since: number, limit: number, rights: ReadRights): Promise<ChangesPage> {
    const bounds = await this.bounds();
    assertWithin(since, bounds);
    const until = Math.min(bounds.last, since + scanRows);
    const page =
      until === since ? { items: [], last: since } : await this.between(since, until, limit, rights);
    return { epoch: bounds.epoch, ...page, oldest: bounds.oldest };
  }

  private async between(since: number, until: number, limit: number, rights: ReadRights): Promise<Page> {
    const values: SqlValue[] = [since, until, limit];
    const mayRead = rights.condition('p', (value) => `$${values.push(value)}`);
    const select = statement<RawChange>(
      `SELECT p.seq, p.kind, p.key, p.digest, p.at, p.data
       FROM (SELECT c.*, c.proxylet AS name, COALESCE(c.shown_as, q.visibility) AS visibility
             FROM change c LEFT JOIN proxylet q ON q.namespace = c.namespace AND q.name = c.proxylet
             WHERE c.seq > $1 AND c.seq <= $2) p
       WHERE (p.proxylet IS NULL OR ${mayRead}) ORDER BY p.seq LIMIT $3`,
    );
    const rows = await select(this.database.read, values);
    const last = rows.length === limit ? Number(rows.at(-1)?.seq ?? until) : until;
    return { items: (await this.withoutHiddenServices(rows, rights)).map(changeView), last };
  }

  /** Who may not know of a service hears nothing of it. */
  private async withoutHiddenServices(rows: readonly RawChange[], rights: ReadRights): Promise<RawChange[]> {
    const shown: RawChange[] = [];
    for (const row of rows) {
      if (!row.kind.startsWith('service.') || (await this.services.mayKnow(row.key, rights))) shown.push(row);
    }
    return shown;
  }
}

/** @throws Problem `changes-gone` */
function assertWithin(since: number, { epoch, last, oldest }: FeedBounds): void {
  if (since >= oldest - 1 && since <= last) return;
  const sentence =
    since > last
      ? `The feed of this catalog has not reached ${since}: it is another history than the one you read.`
      : `The feed no longer holds what came after ${since}; it begins with ${oldest}.`;
  throw new Problem('changes-gone', `${sentence} Read afresh what you need, then go on after ${last}.`, {
    extra: { epoch, last, oldest },
  });
}

function changeView({ seq, kind, key, digest, at, data }: RawChange): Change {
  return {
    seq: Number(seq),
    kind,
    key,
    ...(digest === null ? {} : { digest }),
    at,
    data: JSON.parse(data) as Change['data'],
  };
}
