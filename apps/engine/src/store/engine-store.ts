import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import type { EgressRule } from '../egress/egress-rules.js';
import type { Installation } from '../installations/installation.js';
import type { SealedSecret } from '../secrets/sealed-secret.js';
import type { SecretChange } from '../secrets/secret-vault.js';
import { onStorage } from './on-storage.js';
import { Initial1700000000000 } from './migrations/1700000000000-initial.js';
import { Secrets1763000000000 } from './migrations/1763000000000-secrets.js';
import { egressTable, fromRow, installationTable, secretTable, toRow } from './tables.js';

/** What one change writes: all of it or nothing. */
export interface InstallationChange {
  readonly save: readonly Installation[];
  /** Ids of installations that go, with their secrets. */
  readonly remove?: readonly string[];
  readonly secrets?: SecretChange | undefined;
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
      entities: [installationTable, egressTable, secretTable],
      migrations: [Initial1700000000000, Secrets1763000000000],
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

  async change(change: InstallationChange): Promise<void> {
    await this.write((manager) => changeRows(manager, change));
  }

  async secrets(): Promise<SealedSecret[]> {
    return this.source.getRepository(secretTable).find();
  }

  async resealSecrets(secrets: readonly SealedSecret[]): Promise<void> {
    await this.write(async (manager) => {
      const rows = manager.getRepository(secretTable);
      for (const { installationId, name, keyId, sealed } of secrets) {
        await rows.update({ installationId, name }, { keyId, sealed });
      }
    });
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
  { save, remove = [], secrets }: InstallationChange,
): Promise<void> {
  const rows = manager.getRepository(installationTable);
  const secretRows = manager.getRepository(secretTable);
  for (const id of remove) {
    await rows.delete({ id });
    await secretRows.delete({ installationId: id });
  }
  if (save.length > 0) await rows.save(save.map(toRow));
  for (const { installationId, name } of secrets?.remove ?? []) {
    await secretRows.delete({ installationId, name });
  }
  if (secrets !== undefined && secrets.save.length > 0) await secretRows.save([...secrets.save]);
}
