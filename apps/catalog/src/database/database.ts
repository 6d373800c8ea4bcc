import { AsyncLocalStorage } from 'node:async_hooks';
import { join } from 'node:path';
import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { openLedger, sealLedger } from '../ledger/ledger.js';
import { ChangeSignal } from './change-signal.js';
import { GroupCommit, type GroupedWork } from './group-commit.js';
import { AuditRow, ChangeRow, FeedRow } from './ledger.entity.js';
import { FirstTables1763600000000 } from './migrations/1763600000000-first-tables.js';
import { Rights1763700001000 } from './migrations/1763700001000-rights.js';
import { Publishing1763700002000 } from './migrations/1763700002000-publishing.js';
import { Ledger1763700003000 } from './migrations/1763700003000-ledger.js';
import { Webhooks1763700003100 } from './migrations/1763700003100-webhooks.js';
import { Mirror1763700003200 } from './migrations/1763700003200-mirror.js';
import { Search1763700004000 } from './migrations/1763700004000-search.js';
import { NoSearchText1763700004100 } from './migrations/1763700004100-no-search-text.js';
import { SearchByWord1763700004200 } from './migrations/1763700004200-search-by-word.js';
import { AuditVia1763700005000 } from './migrations/1763700005000-audit-via.js';
import { UploadToken1763700005100 } from './migrations/1763700005100-upload-token.js';
import { SearchFacet1763700005200 } from './migrations/1763700005200-search-facet.js';
import { Sealing1763700005300 } from './migrations/1763700005300-sealing.js';
import { Provenance1763700005400 } from './migrations/1763700005400-provenance.js';
import { SignedMetadata1763700005500 } from './migrations/1763700005500-signed-metadata.js';
import { MirrorItemRow, MirrorNamespaceRow, MirrorStateRow } from './mirror.entity.js';
import { MemberRow, NamespaceRow } from './namespace.entity.js';
import { listenOn, type Notifications } from './notifications.js';
import {
  ChannelMoveRow,
  ChannelRow,
  DependencyRow,
  ProxyletRow,
  VersionRow,
  VersionStateRow,
} from './proxylet.entity.js';
import { SigningKeyRow, VersionSignatureRow } from './provenance.entity.js';
import { BlobRow, IdempotencyRow } from './record.entity.js';
import { PublishTokenRow, TrustPolicyRow, UsedTokenRow } from './rights.entity.js';
import { ServiceRow, ServiceVersionRow } from './service.entity.js';
import { isDeadlock, onStorage } from './storage-fault.js';
import { TufDocumentRow, TufKeyRow, TufStateRow } from './tuf.entity.js';
import { DeliveryRow, LeaseRow, SealingKeyRow, WebhookRow } from './webhook.entity.js';

const entities = [
  NamespaceRow,
  MemberRow,
  BlobRow,
  ProxyletRow,
  VersionRow,
  VersionStateRow,
  DependencyRow,
  ChannelRow,
  ChannelMoveRow,
  ServiceRow,
  ServiceVersionRow,
  AuditRow,
  ChangeRow,
  FeedRow,
  WebhookRow,
  DeliveryRow,
  LeaseRow,
  SealingKeyRow,
  MirrorNamespaceRow,
  MirrorItemRow,
  MirrorStateRow,
  IdempotencyRow,
  PublishTokenRow,
  TrustPolicyRow,
  UsedTokenRow,
  SigningKeyRow,
  VersionSignatureRow,
  TufKeyRow,
  TufDocumentRow,
  TufStateRow,
];
const migrations = [
  FirstTables1763600000000,
  Rights1763700001000,
  Publishing1763700002000,
  Ledger1763700003000,
  Webhooks1763700003100,
  Mirror1763700003200,
  Search1763700004000,
  NoSearchText1763700004100,
  SearchByWord1763700004200,
  AuditVia1763700005000,
  UploadToken1763700005100,
  SearchFacet1763700005200,
  Sealing1763700005300,
  Provenance1763700005400,
  SignedMetadata1763700005500,
];

const maxAttempts = 5;

export interface DatabaseOptions {
  /** `postgres://…`; undefined for the embedded file. */
  readonly url: string | undefined;
  /** Where the embedded file `catalog.db` lies. */
  readonly folder: string;
}

/**
 * The catalog's tables, in SQLite or PostgreSQL.
 *
 * SQLite has one connection that writes, one transaction at a time, and another that reads: what is read was
 * committed. TypeORM would otherwise run the queries of all requests inside whatever transaction is open.
 */
export class Database {
  private readonly groups = new GroupCommit((works) => this.writeGroup(works));
  /** Fires after each commit of this process that readers of the change feed have something new by. */
  readonly changes = new ChangeSignal();

  private constructor(
    private readonly writer: DataSource,
    private readonly reader: DataSource,
  ) {}

  /** Opens and migrates. @throws Problem `storage-unavailable` */
  static async open(options: DatabaseOptions): Promise<Database> {
    return await onStorage(async () => {
      const writer = new DataSource(
        options.url === undefined ? sqlite(options.folder) : postgres(options.url),
      );
      await writer.initialize();
      await migrate(writer);
      if (options.url !== undefined) return new Database(writer, writer);
      return new Database(
        writer,
        await new DataSource({ ...sqlite(options.folder), readonly: true }).initialize(),
      );
    });
  }

  /** For queries only. */
  get read(): EntityManager {
    return this.reader.manager;
  }

  /** `postgres` or `better-sqlite3`. */
  get kind(): string {
    return this.writer.options.type;
  }

  /**
   * Runs `work` as one transaction: it all becomes visible at once and durable, or not at all.
   *
   * On PostgreSQL `work` runs again where it met a deadlock: what it notes outside must stand being noted twice.
   *
   * On SQLite, works that wait at the same time share one commit; one that fails takes back only its own part.
   *
   * @param topics transactions of one topic never overlap, also among several catalogs on one PostgreSQL, so that
   *   `work` may look first and insert then
   * @throws Problem `storage-unavailable` where the database fails; whatever `work` throws
   */
  async write<T>(
    topics: string | readonly string[],
    work: (manager: EntityManager) => Promise<T>,
  ): Promise<T> {
    if (this.kind !== 'postgres') {
      // Whoever's turn it is runs the works of all: each keeps the context of its own request.
      const own = AsyncLocalStorage.bind(work);
      const written = await this.groups.run((manager) => inLedger(manager, own, false));
      return this.told(written as Written<T>);
    }
    return this.told(await onStorage(() => this.writeShared([...new Set([topics].flat())], work)));
  }

  /** One of transactions that wait for each other is ended by PostgreSQL, with nothing done: it runs again. */
  private async writeShared<T>(
    topics: readonly string[],
    work: (manager: EntityManager) => Promise<T>,
  ): Promise<Written<T>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.writer.transaction(async (manager) => {
          // In one order for all, or two could wait for each other.
          for (const topic of topics.toSorted())
            await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [topic]);
          return await inLedger(manager, work, true);
        });
      } catch (error) {
        if (attempt === maxAttempts || !isDeadlock(error)) throw error;
      }
    }
  }

  /**
   * Says that a `write` will come soon, so that others that are ready wait for it, 2 ms at most, and share its commit.
   * To be disposed of when it is done.
   */
  announceWrite(): Disposable {
    return this.groups.announce();
  }

  /** PostgreSQL only: calls `onMessage` whenever a channel is told something. */
  async listen(channel: string, onMessage: () => void): Promise<Notifications> {
    return await listenOn(this.writer, channel, onMessage);
  }

  /** @throws Problem `storage-unavailable` */
  async probe(): Promise<void> {
    await onStorage(() => this.reader.query('SELECT 1'));
  }

  /** Waits for the write under way. Safe to call twice. */
  async close(): Promise<void> {
    await this.groups.idle();
    for (const source of new Set([this.reader, this.writer]))
      if (source.isInitialized) await source.destroy();
  }

  private told<T>({ result, hasChanges }: Written<T>): T {
    if (hasChanges) this.changes.fire();
    return result;
  }

  private async writeGroup(works: Iterable<GroupedWork>): Promise<void> {
    const runner = this.writer.createQueryRunner();
    await onStorage(() => runner.startTransaction());
    try {
      for (const work of works) await this.writePart(runner, work);
      await onStorage(() => runner.commitTransaction());
    } catch (error) {
      await rollBack(runner);
      throw error;
    } finally {
      await runner.release();
    }
  }

  /** A work that fails is taken back alone, unless the database has taken back everything. */
  private async writePart(runner: QueryRunner, work: GroupedWork): Promise<void> {
    await runner.query('SAVEPOINT work');
    try {
      work.done(await onStorage(() => work.run(runner.manager)));
    } catch (error) {
      work.fail(error);
      try {
        await runner.query('ROLLBACK TO work');
      } catch {
        throw error;
      }
    }
    await runner.query('RELEASE work');
  }
}

interface Written<T> {
  readonly result: T;
  readonly hasChanges: boolean;
}

/** Work and, as the last step before the commit, the audit entries it noted. */
async function inLedger<T>(
  manager: EntityManager,
  work: (manager: EntityManager) => Promise<T>,
  isPostgres: boolean,
): Promise<Written<T>> {
  openLedger(manager);
  const result = await work(manager);
  return { result, hasChanges: await sealLedger(manager, isPostgres) };
}

/**
 * A full disk makes SQLite roll back by itself; the ROLLBACK that follows fails then, and TypeORM's one query
 * runner would go on as if inside a transaction.
 */
async function rollBack(runner: QueryRunner): Promise<void> {
  try {
    await runner.rollbackTransaction();
  } catch {
    Object.assign(runner, { isTransactionActive: false, transactionDepth: 0 });
  }
}

interface SqliteConnection {
  pragma(text: string): unknown;
}

function sqlite(folder: string) {
  return {
    type: 'better-sqlite3',
    database: join(folder, 'catalog.db'),
    entities,
    migrations,
    enableWAL: true,
    timeout: 5000,
    prepareDatabase: (connection: SqliteConnection) => {
      // FULL: what was answered with 201 survives a power cut, also in WAL mode.
      connection.pragma('synchronous = FULL');
      connection.pragma('trusted_schema = OFF');
      // In KB, of each of the two connections: a large catalog's index is looked at all over.
      connection.pragma('cache_size = -32768');
    },
  } as const;
}

function postgres(url: string) {
  return {
    type: 'postgres',
    url,
    entities,
    migrations,
    applicationName: 'proxylet-catalog',
    installExtensions: false,
    extra: {
      max: 10,
      connectionTimeoutMillis: 5000,
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 60_000,
    },
  } as const;
}

/** Several catalogs may start at once on one PostgreSQL: one migrates, the others wait. */
async function migrate(source: DataSource): Promise<void> {
  const runner = source.createQueryRunner();
  const isPostgres = source.options.type === 'postgres';
  try {
    if (isPostgres)
      await runner.query("SELECT pg_advisory_lock(hashtextextended('proxylet-catalog-migrations', 0))");
    await source.runMigrations({ transaction: 'all' });
    if (isPostgres)
      await runner.query("SELECT pg_advisory_unlock(hashtextextended('proxylet-catalog-migrations', 0))");
  } finally {
    await runner.release();
  }
}
