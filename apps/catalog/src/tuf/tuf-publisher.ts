import type { KeyObject } from 'node:crypto';
import { metaOf, type Signable, signDocument } from '@proxylet/artifact';
import type { EntityManager } from 'typeorm';
import type { Clock } from '../clock.js';
import type { Database } from '../database/database.js';
import { FeedRow } from '../database/ledger.entity.js';
import { TufDocumentRow, TufStateRow } from '../database/tuf.entity.js';
import type { SecretBox } from '../sealing/secret-box.js';
import {
  type Head,
  lifeMs,
  metaContent,
  namespaceContent,
  rootContent,
  targetsContent,
  type VouchedKey,
} from './tuf-content.js';
import { type TufKeys, tufKeys } from './tuf-keys.js';
import * as sql from './tuf-sql.js';

/** A timestamp this old is made anew though nothing changed: that nothing did is what it says. */
const timestampEveryMs = 3_600_000;
/** Documents that were replaced stay for so long, ms. */
const keptMs = 3_600_000;

/** Second 0 of the numbers of documents. */
const numbersFromMs = Date.parse('2026-01-01T00:00:00Z');

interface Kept {
  readonly version: number;
  readonly bytes: Buffer;
  readonly madeMs: number;
}

/** Brings the signed documents in step with what is in the catalog. */
export class TufPublisher {
  constructor(
    private readonly database: Database,
    private readonly box: SecretBox,
    private readonly clock: Clock,
  ) {}

  /** All documents of one moment in one transaction, or none. @returns whether anything was signed */
  async publish(): Promise<boolean> {
    return await this.database.write('signed metadata', async (manager) => {
      const nowMs = Date.parse(this.clock.now());
      const keys = await tufKeys(manager, this.box, this.clock.now());
      const round = await Round.of(manager, keys, nowMs);
      await round.signRoot();
      const { namespaces, state } = await changed(manager);
      for (const namespace of namespaces) await round.signNamespace(namespace);
      await round.signTargets();
      const isNew = await round.signMoment();
      if (isNew) await manager.save(TufStateRow, state);
      await sql.dropOldDocuments(manager, [new Date(nowMs - keptMs).toISOString()]);
      return isNew;
    });
  }
}

/** What has to be looked at, and the state after it. A restored database begins anew. */
async function changed(
  manager: EntityManager,
): Promise<{ namespaces: readonly string[]; state: TufStateRow }> {
  const { epoch } = await manager.findOneByOrFail(FeedRow, { id: 1 });
  const [row]: { last: number | string | null; oldest: number | string | null }[] = await manager.query(
    'SELECT (SELECT MAX(seq) FROM change) AS last, (SELECT MIN(seq) FROM change) AS oldest',
  );
  const last = Number(row?.last ?? 0);
  const state = { id: 1, seq: last, epoch };
  const before = await manager.findOneBy(TufStateRow, { id: 1 });
  const isKnown = before?.epoch === epoch && before.seq >= Number(row?.oldest ?? 1) - 1;
  const rows = isKnown
    ? await sql.changedNamespaces(manager, [before.seq, last])
    : await sql.allNamespaces(manager);
  return { namespaces: rows.map(({ namespace }) => namespace), state };
}

/** One round of signing: what was there before, and what is new. */
class Round {
  private isChanged = false;

  private constructor(
    private readonly manager: EntityManager,
    private readonly keys: TufKeys,
    private readonly nowMs: number,
    private readonly documents: Map<string, Kept>,
  ) {}

  static async of(manager: EntityManager, keys: TufKeys, nowMs: number): Promise<Round> {
    const documents = new Map<string, Kept>();
    for (const { name, version, body, madeAt } of await sql.newestDocuments(manager))
      documents.set(name, { version, bytes: Buffer.from(body), madeMs: Date.parse(madeAt) });
    return new Round(manager, keys, nowMs, documents);
  }

  async signRoot(): Promise<void> {
    if (this.isGood('root', 'root')) return;
    await this.sign('root', (head) => rootContent(this.keys, head), this.keys.root.secret);
  }

  /** One that has nothing public and never had is not spoken of. */
  async signNamespace(namespace: string): Promise<void> {
    const versions = await sql.publicVersions(this.manager, [namespace]);
    const name = `ns-${namespace}`;
    if (versions.length === 0 && !this.documents.has(name)) return;
    const content = (head: Head) => namespaceContent(namespace, versions, head);
    if (this.isGood(name, 'targets') && this.isSame(name, content)) return;
    await this.sign(name, content, this.keys.namespaces.secret);
  }

  async signTargets(): Promise<void> {
    const namespaces = new Map<string, readonly VouchedKey[]>();
    for (const name of this.documents.keys()) {
      if (!name.startsWith('ns-')) continue;
      const namespace = name.slice('ns-'.length);
      if (!this.isGood(name, 'targets')) await this.signNamespace(namespace);
      namespaces.set(namespace, await sql.keysOf(this.manager, [namespace]));
    }
    const content = (head: Head) => targetsContent(namespaces, this.keys, head);
    if (this.isGood('targets', 'targets') && this.isSame('targets', content)) return;
    await this.sign('targets', content, this.keys.targets.secret);
  }

  /** Snapshot and timestamp: which documents belong together, now. */
  async signMoment(): Promise<boolean> {
    if (this.isChanged || !this.isGood('snapshot', 'snapshot')) {
      const meta = [...this.documents].filter(([name]) => name === 'targets' || name.startsWith('ns-'));
      const named = Object.fromEntries(
        meta.map(([name, { version, bytes }]) => [`${name}.json`, metaOf(version, bytes) as Signable]),
      );
      await this.sign('snapshot', (head) => metaContent('snapshot', named, head), this.keys.snapshot.secret);
    }
    const madeMs = this.documents.get('timestamp')?.madeMs ?? 0;
    if (!this.isChanged && this.nowMs - madeMs < timestampEveryMs) return false;
    const { version, bytes } = this.need('snapshot');
    const meta = { 'snapshot.json': metaOf(version, bytes) as Signable };
    await this.sign('timestamp', (head) => metaContent('timestamp', meta, head), this.keys.timestamp.secret);
    return true;
  }

  /** Whether it is there and has half of its time before it. */
  private isGood(name: string, kind: keyof typeof lifeMs): boolean {
    const kept = this.documents.get(name);
    return kept !== undefined && this.nowMs - kept.madeMs < lifeMs[kind] / 2;
  }

  /** Whether it would say again what it says. */
  private isSame(name: string, content: (head: Head) => Record<string, Signable>): boolean {
    const { version, bytes, madeMs } = this.need(name);
    const { signed } = JSON.parse(bytes.toString()) as { signed: object };
    return JSON.stringify(signed) === JSON.stringify(content({ version, nowMs: madeMs }));
  }

  private async sign(
    name: string,
    content: (head: Head) => Record<string, Signable>,
    key: KeyObject,
  ): Promise<void> {
    const version = this.nextVersion(name);
    const bytes = signDocument(content({ version, nowMs: this.nowMs }), [key]);
    const madeAt = new Date(this.nowMs).toISOString();
    await this.manager.insert(TufDocumentRow, { name, version, body: bytes.toString(), madeAt });
    this.documents.set(name, { version, bytes, madeMs: this.nowMs });
    this.isChanged = true;
  }

  /**
   * Numbers follow the clock, so that a catalog restored from a backup goes on above what readers have seen. Roots are
   * counted one by one, as readers ask for them.
   */
  private nextVersion(name: string): number {
    const next = (this.documents.get(name)?.version ?? 0) + 1;
    return name === 'root' ? next : Math.max(next, Math.floor((this.nowMs - numbersFromMs) / 1000));
  }

  private need(name: string): Kept {
    const kept = this.documents.get(name);
    if (kept === undefined) throw new Error(`the document ${name} was not made`);
    return kept;
  }
}
