import { setTimeout as delay } from 'node:timers/promises';
import { Inject, type OnModuleDestroy } from '@nestjs/common';
import { Problem } from '@proxylet/contract';
import { InjectLog, type Log } from '@proxylet/nest';
import { Database } from '../database/database.js';
import type { ReadRights } from '../rights/read-rights.js';
import { EventStream } from './event-stream.js';
import type { ChangesPage } from './feed.schemas.js';
import { FeedService } from './feed.service.js';

const streamPage = 200;
/** Each reader that waits asks the database at every change. */
const maxReaders = 1000;
const maxPerReader = 200;

/** Who reads, and what that one may see. */
export interface FeedReader {
  /** Key of the principal. */
  readonly key: string;
  readonly rights: ReadRights;
  /** Aborted when the reader is gone: nobody waits then. */
  readonly gone: AbortSignal;
}

/** Readers that wait: long polls and streams. All of them are let go when the catalog stops. */
export class FeedFollower implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly streams = new Set<EventStream>();
  /** Those that wait now, by key of the principal. */
  private readonly waiting = new Map<string, number>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(FeedService) private readonly feed: FeedService,
    @InjectLog() private readonly log: Log,
  ) {}

  /** Readers that wait at this moment. */
  get readers(): number {
    return [...this.waiting.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * A page; where it would be empty it waits for a change up to `waitMs`.
   *
   * @throws Problem `too-many-requests`; as `FeedService.page`
   */
  async poll(
    since: number,
    limit: number,
    waitMs: number,
    { key, rights, gone }: FeedReader,
  ): Promise<ChangesPage> {
    if (waitMs === 0) return await this.feed.page(since, limit, rights);
    using _place = this.admit(key);
    const late = AbortSignal.any([AbortSignal.timeout(waitMs), this.stopping.signal, gone]);
    let position = since;
    for (;;) {
      const next = this.database.changes.next();
      const page = await this.feed.page(position, limit, rights);
      if (page.items.length > 0 || late.aborted) return page;
      position = page.last;
      if ((await this.feed.bounds()).last === position) await firstOf(next, late);
      if (!(await rights.isStillGood(this.database.read))) return { ...page, items: [] };
    }
  }

  /**
   * Sends every change after `since` to a stream until the reader goes. Where the feed no longer reaches back, a
   * `gap` event says so and the stream ends; so it does where the reader's token has ended in the meantime.
   */
  async stream(stream: EventStream, since: number, rights: ReadRights): Promise<void> {
    this.streams.add(stream);
    stream.closed.addEventListener('abort', () => this.streams.delete(stream), { once: true });
    let position = since;
    try {
      while (!stream.closed.aborted) {
        const next = this.database.changes.next();
        const page = await this.feed.page(position, streamPage, rights);
        if (!(await rights.isStillGood(this.database.read))) break;
        for (const item of page.items) await stream.send('change', item, eventId(page.epoch, item.seq));
        const isDone = position === page.last;
        position = page.last;
        if (isDone) await firstOf(next, stream.closed);
      }
    } catch (error) {
      await this.explain(stream, error).catch((failure: unknown) => {
        this.log.warn({ err: failure }, 'a stream of changes ended without a word');
      });
    } finally {
      stream.end();
    }
  }

  /**
   * A place among those that wait, until it is disposed of.
   *
   * @throws Problem `too-many-requests`
   */
  admit(key: string): Disposable {
    const own = this.waiting.get(key) ?? 0;
    if (own >= maxPerReader || this.readers >= maxReaders) {
      throw new Problem(
        'too-many-requests',
        'Too many readers wait for changes; read them without waiting.',
        {
          retryAfterSeconds: 10,
        },
      );
    }
    this.waiting.set(key, own + 1);
    return {
      [Symbol.dispose]: () => {
        const left = (this.waiting.get(key) ?? 1) - 1;
        if (left === 0) this.waiting.delete(key);
        else this.waiting.set(key, left);
      },
    };
  }

  onModuleDestroy(): void {
    this.stopping.abort();
    for (const stream of this.streams) stream.end();
  }

  private async explain(stream: EventStream, error: unknown): Promise<void> {
    if (!(error instanceof Problem) || error.code !== 'changes-gone') {
      // The reader sees the stream end and comes back; what went wrong is ours to know.
      this.log.warn({ err: error }, 'a stream of changes broke off');
      return;
    }
    const { epoch, last, oldest } = await this.feed.bounds();
    await stream.send('gap', { detail: error.detail, epoch, last, oldest }, eventId(epoch, last));
  }
}

export function eventId(epoch: string, seq: number): string {
  return `${epoch}:${seq}`;
}

/** Waits for a change, or until the reader has waited long enough. */
async function firstOf(change: Promise<void>, over: AbortSignal): Promise<void> {
  if (over.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  over.addEventListener('abort', done, { once: true });
  await Promise.race([change, promise]);
  over.removeEventListener('abort', done);
  // Changes that come close together are told together.
  if (!over.aborted) await delay(5);
}
