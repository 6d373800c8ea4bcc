import { Inject } from '@nestjs/common';
import { Problem } from '@proxylet/contract';
import { Database } from '../database/database.js';
import { ChangeRow, FeedRow } from '../database/ledger.entity.js';
import type { Bind, ReadRights } from '../rights/read-rights.js';
import type { Change, ChangesPage } from './feed.schemas.js';

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

/** The change feed as one reader sees it: everything it may read, in the order of commits, each change once. */
export class FeedService {
  private epoch: string | undefined;

  constructor(@Inject(Database) private readonly database: Database) {}

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
    const items = until === since ? [] : await this.between(since, until, limit, rights);
    const last = items.length === limit ? (items.at(-1)?.seq ?? until) : until;
    return { epoch: bounds.epoch, items, last, oldest: bounds.oldest };
  }

  private async between(since: number, until: number, limit: number, rights: ReadRights): Promise<Change[]> {
    const query = this.database.read
      .createQueryBuilder(ChangeRow, 'c')
      .leftJoin('proxylet', 'p', 'p.namespace = c.namespace AND p.name = c.proxylet')
      .select(['c.seq AS seq', 'c.kind AS kind', 'c.key AS key'])
      .addSelect(['c.digest AS digest', 'c.at AS at', 'c.data AS data'])
      .where('c.seq > :since AND c.seq <= :until', { since, until })
      .orderBy('c.seq')
      .limit(limit);
    const parameters: Record<string, string> = {};
    const bind: Bind = (value) => {
      const name = `reader${Object.keys(parameters).length}`;
      parameters[name] = value;
      return `:${name}`;
    };
    const mayRead = `(c.proxylet IS NULL OR c.is_open = 1 OR ${rights.condition('p', bind)})`;
    const rows = await query.andWhere(mayRead, parameters).getRawMany<RawChange>();
    return rows.map(changeView);
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
