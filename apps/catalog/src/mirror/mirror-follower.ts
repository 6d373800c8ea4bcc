import { setTimeout as delay } from 'node:timers/promises';
import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import { Problem } from '@proxylet/contract';
import type { Log } from '@proxylet/nest';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import { Lease } from '../database/lease.js';
import { MirrorItemRow, type MirrorKind, MirrorStateRow } from '../database/mirror.entity.js';
import type { ChangesPage } from '../ledger/feed.schemas.js';
import type { MirrorSync } from './mirror-sync.js';
import type { UpstreamCatalog } from './upstream-catalog.js';

/** Each request to the upstream feed is held back there for so long. */
const waitSeconds = 5;
/** After an answer what is here counts as fresh for so long, unless the next one fails. */
const freshMs = (waitSeconds + 10) * 1000;
const idleMs = 2000;
const longestPauseMs = 30_000;

export interface FollowerParts {
  readonly database: Database;
  readonly upstream: UpstreamCatalog;
  readonly sync: MirrorSync;
  readonly clock: Clock;
  readonly log: Log;
}

/** Follows the feed of the upstream catalog and brings what is kept in step, at one catalog of all on a database. */
export class MirrorFollower implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly stopping = new AbortController();
  private readonly lease: Lease;
  private running: Promise<void> = Promise.resolve();

  constructor(private readonly parts: FollowerParts) {
    this.lease = new Lease(parts.database, 'mirror');
  }

  onApplicationBootstrap(): void {
    this.running = this.run();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    await this.running;
    await this.lease.release().catch(() => undefined);
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const isOurs = await this.lease.hold();
        if (isOurs) await Promise.race([this.step(), aborted(signal)]);
        failures = 0;
        if (!isOurs) await pause(idleMs, signal);
      } catch (error) {
        failures += 1;
        if (failures === 1) this.parts.log.warn({ err: error }, 'the upstream catalog cannot be followed');
        await this.noteAway();
        await pause(Math.min(250 * 2 ** failures, longestPauseMs) * (0.8 + Math.random() * 0.4), signal);
      }
    }
  }

  private async step(): Promise<void> {
    const { database, upstream } = this.parts;
    const state = await database.read.findOneBy(MirrorStateRow, { id: 1 });
    if (state === null || state.upstream !== upstream.client.url) return await this.beginAnew();
    let page: ChangesPage;
    try {
      const isCertain = state.freshUntil !== '';
      page = await upstream.changes(state.position, state.epoch, isCertain ? waitSeconds : 0);
    } catch (error) {
      if (error instanceof Problem && error.code === 'changes-gone') return await this.beginAnew();
      throw error;
    }
    await this.bringInStep(namesIn(page));
    await this.note(page);
  }

  /** Brings everything kept in step, for the feed does not tell what happened since. */
  private async beginAnew(): Promise<void> {
    const { database, upstream } = this.parts;
    const page = await upstream.changes('now', undefined, 0);
    const items = await database.read.find(MirrorItemRow);
    await this.bringInStep(items.map(({ kind, name }) => ({ kind, name, seq: Infinity })));
    await this.note(page);
  }

  private async bringInStep(changed: readonly Changed[]): Promise<void> {
    for (const { kind, name, seq } of changed) {
      const item = await this.parts.database.read.findOneBy(MirrorItemRow, { kind, name });
      if (item === null || item.asOf >= seq) continue;
      try {
        await this.parts.sync[kind](name);
      } catch (error) {
        // What upstream says of one name must not keep the others from being brought in step.
        if (!(error instanceof Problem) || error.code !== 'upstream-invalid') throw error;
        this.parts.log.error({ err: error, name }, 'the upstream catalog contradicts what is kept');
      }
    }
  }

  private async note({ epoch, last: position }: ChangesPage): Promise<void> {
    const { database, upstream, clock } = this.parts;
    const freshUntil = new Date(Date.parse(clock.now()) + freshMs).toISOString();
    await database.write('mirror state', async (manager) => {
      await manager.save(MirrorStateRow, {
        id: 1,
        upstream: upstream.client.url,
        epoch,
        position,
        freshUntil,
      });
    });
  }

  private async noteAway(): Promise<void> {
    await this.parts.database
      .write('mirror state', async (manager) => {
        await manager.update(MirrorStateRow, { id: 1 }, { freshUntil: '' });
      })
      .catch(() => undefined);
  }
}

interface Changed {
  readonly kind: MirrorKind;
  readonly name: string;
  readonly seq: number;
}

/** Each name once, with the number of its newest change. */
function namesIn({ items }: ChangesPage): Changed[] {
  const newest = new Map<string, Changed>();
  for (const { seq, kind, key } of items) {
    const name = /^[^/@#]+\/[^@#]+/.exec(key)?.[0];
    const of: MirrorKind = kind.startsWith('service.') ? 'service' : 'proxylet';
    if (name !== undefined) newest.set(`${of} ${name}`, { kind: of, name, seq });
  }
  return [...newest.values()];
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  return promise;
}
