import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import type { EgressRule } from '../egress/egress-rules.js';
import type { Installation } from '../installations/installation.js';
import { onStorage } from './on-storage.js';
import { Initial1700000000000 } from './migrations/1700000000000-initial.js';
import { egressTable, fromRow, type InstallationRow, installationTable, toRow } from './tables.js';

/** What one change writes: all of it or nothing. */
export interface InstallationChange {
  readonly save: readonly Installation[];
  readonly remove?: readonly string[];
}

/** The engine's database: installations and opened origins. Calls never wait for it; only changes do. */
export class EngineStore implements AsyncDisposable {
  /** SQLite has one connection here, and TypeORM would nest transactions that meet on it: one write at a time. */
  private writes: Promise<unknown> = Promise.resolve();

  private constructor(private readonly source: DataSource) {}

  /** Opens the file, creating or migrating it as needed. */
  static async open(file: string): Promise<EngineStore> {
    const source = new DataSource({
      type: 'better-sqlite3',
      database: file,
      entities: [installationTable, egressTable],
      migrations: [Initial1700000000000],
      migrationsRun: true,
      migrationsTransactionMode: 'all',
      synchronize: false,
      enableWAL: true,
      logging: false,
    });
    await source.initialize();
    // A change of installations is rare and must survive a loss of power: every commit is synced.
    await source.query('PRAGMA synchronous = FULL');
    return new EngineStore(source);
  }

  async installations(): Promise<Installation[]> {
    return (await this.source.getRepository(installationTable).find()).map(fromRow);
  }

  async change({ save, remove = [] }: InstallationChange): Promise<void> {
    await this.write((manager) => changeRows(manager, save.map(toRow), remove));
  }

  async egressRules(): Promise<EgressRule[]> {
    return this.source.getRepository(egressTable).find();
  }

  async saveEgressRule(rule: EgressRule): Promise<void> {
    await this.write((manager) => manager.getRepository(egressTable).upsert(rule, ['origin']));
  }

  async deleteEgressRule(origin: string): Promise<void> {
    await this.write((manager) => manager.getRepository(egressTable).delete({ origin }));
  }

  /** @throws when the database does not answer */
  async probe(): Promise<void> {
    await this.source.query('SELECT 1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.writes;
    if (this.source.isInitialized) await this.source.destroy();
  }

  private write<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const turn = this.writes.then(() => onStorage(() => this.writeAlone(work)));
    this.writes = turn.catch(() => undefined);
    return turn;
  }

  private async writeAlone<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const runner = this.source.createQueryRunner();
    await runner.startTransaction();
    try {
      const result = await work(runner.manager);
      await runner.commitTransaction();
      return result;
    } catch (error) {
      await rollBack(runner);
      throw error;
    } finally {
      await runner.release();
    }
  }
}

/**
 * On a full disk SQLite rolls back by itself, and the ROLLBACK that follows fails; TypeORM's one query runner would
 * then take every later write for part of a transaction that is long over.
 */
async function rollBack(runner: QueryRunner): Promise<void> {
  try {
    await runner.rollbackTransaction();
  } catch {
    Object.assign(runner, { isTransactionActive: false, transactionDepth: 0 });
  }
}

async function changeRows(
  manager: EntityManager,
  save: readonly InstallationRow[],
  remove: readonly string[],
): Promise<void> {
  const rows = manager.getRepository(installationTable);
  for (const id of remove) await rows.delete({ id });
  if (save.length > 0) await rows.save([...save]);
}
