import { type BeforeApplicationShutdown, Inject, type OnApplicationBootstrap } from '@nestjs/common';
import { type Digest, formatName, isName, parseName } from '@proxylet/contract';
import { InjectLog, type Log } from '@proxylet/nest';
import { Database } from '../database/database.js';
import { popularityInStanding, popularityOf, withPopularity, isPopular } from './rank.js';
import * as sql from './popularity-sql.js';
import { wordsOfDoc } from './search-index.js';

/** Counts wait in memory this long, ms; a death of the process loses them. */
const flushEveryMs = 2000;
/** A caller counts once an hour for an archive, so that fetching it over and over makes nothing popular. */
const forgetAfterMs = 60 * 60 * 1000;
const maxRemembered = 20_000;
const maxWaiting = 20_000;
/** Versions before the last at a start whose dependencies are counted again, for what a death left out. */
const lookBackVersions = 1000;
const maxTargets = 200;

/**
 * How much each proxylet is used: downloads, counted aside of requests, and how many others depend on it. Search ranks
 * by it, and names near popular ones are refused to strangers.
 */
export class Popularity implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private waiting = new Map<Digest, number>();
  private readonly seen = new Set<string>();
  private seenSinceMs = 0;
  private lastVersion: number | undefined;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> = Promise.resolve();

  constructor(
    @Inject(Database) private readonly database: Database,
    @InjectLog() private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.flush(), flushEveryMs).unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /**
   * Notes that an archive was fetched; writes nothing.
   *
   * @param who the caller: its principal's key, or its address where it has no token
   */
  countDownload(digest: Digest, who: string): void {
    const now = Date.now();
    if (this.seen.size >= maxRemembered || now - this.seenSinceMs > forgetAfterMs) {
      this.seen.clear();
      this.seenSinceMs = now;
    }
    const key = `${digest}${who}`;
    if (this.seen.has(key)) return;
    this.seen.add(key);
    const count = this.waiting.get(digest);
    if (count !== undefined || this.waiting.size < maxWaiting) this.waiting.set(digest, (count ?? 0) + 1);
  }

  /** Writes what was counted, one flush at a time. Never throws: what could not be written waits for the next. */
  flush(): Promise<void> {
    this.running = this.running.then(() => this.flushNow());
    return this.running;
  }

  private async flushNow(): Promise<void> {
    const counts = this.waiting;
    this.waiting = new Map();
    try {
      const changed = new Set(await this.writeDownloads(counts));
      counts.clear();
      for (const id of await this.countDependants()) changed.add(id);
      for (const id of changed) await this.rankAgain(id);
    } catch (error) {
      for (const [digest, count] of counts) this.waiting.set(digest, (this.waiting.get(digest) ?? 0) + count);
      this.log.warn({ err: error }, 'Counts of downloads could not be written; they wait.');
    }
  }

  private async writeDownloads(counts: ReadonlyMap<Digest, number>): Promise<number[]> {
    if (counts.size === 0) return [];
    const list = JSON.stringify([...counts].map(([d, n]) => ({ d, n })));
    return await this.database.write('downloads', async (manager) => {
      await sql.addDownloads(manager, [list]);
      return (await sql.addPopularity(manager, [list])).map(({ proxylet_id: id }) => id);
    });
  }

  /** Of what versions published since the last flush depend on, here or at another catalog on the same database. */
  private async countDependants(): Promise<number[]> {
    const [newest] = await sql.newestVersion(this.database.read);
    const last = newest?.id ?? 0;
    const from = this.lastVersion ?? last - lookBackVersions;
    if (last <= from) return [];
    const targets = await sql.newTargets(this.database.read, [from, maxTargets]);
    const names = targets.map(({ target }) => target).filter(isName);
    const changed = names.length === 0 ? [] : await this.writeDependants(names);
    // Where there were more than fit, the rest are found by the versions after these.
    this.lastVersion =
      targets.length < maxTargets ? last : Math.max(from + 1, ...targets.map(({ version }) => version));
    return changed;
  }

  private async writeDependants(names: readonly string[]): Promise<number[]> {
    const counts: { n: string; s: string; c: number }[] = [];
    for (const { namespace, name } of names.map(parseName)) {
      const [row] = await sql.countDependants(this.database.read, [
        formatName({ namespace, name }),
        namespace,
      ]);
      counts.push({ n: namespace, s: name, c: Number(row?.count ?? 0) });
    }
    return await this.database.write('downloads', async (manager) =>
      (await sql.setDependants(manager, [JSON.stringify(counts)])).map(({ proxylet_id: id }) => id),
    );
  }

  /** Moves a proxylet in the index where it has become popular enough to count; a step is about a quarter more. */
  private async rankAgain(id: number): Promise<void> {
    const [row] = await sql.findStanding(this.database.read, [id]);
    if (row === undefined) return;
    const popularity = popularityOf(Number(row.downloads), row.dependants);
    if (popularityInStanding(row.standing) === popularity) return;
    await this.database.write(`proxylet ${formatName(row)}`, async (manager) => {
      const [now] = await sql.findStanding(manager, [id]);
      if (now === undefined) return;
      const standing = withPopularity(now.standing, popularity);
      const words = JSON.stringify(wordsOfDoc(now.words).map(([word]) => word));
      await sql.shiftPostings(manager, [id, standing - now.standing, words]);
      await sql.setStanding(manager, [id, standing, isPopular(popularity) ? 1 : 0]);
    });
  }
}
