import { DataSource } from 'typeorm';
import type { EgressRule } from '../egress/egress-rules.js';
import type { Installation } from '../installations/installation.js';
import { Initial1700000000000 } from './migrations/1700000000000-initial.js';
import { egressTable, fromRow, installationTable, toRow } from './tables.js';

/** What one change writes: all of it or nothing. */
export interface InstallationChange {
  readonly save: readonly Installation[];
  readonly remove?: readonly string[];
}

/** The engine's database: installations and opened origins. Calls never wait for it; only changes do. */
export class EngineStore implements AsyncDisposable {
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
    await this.source.transaction(async (manager) => {
      const rows = manager.getRepository(installationTable);
      for (const id of remove) await rows.delete({ id });
      await rows.save(save.map(toRow));
    });
  }

  async egressRules(): Promise<EgressRule[]> {
    return this.source.getRepository(egressTable).find();
  }

  async saveEgressRule(rule: EgressRule): Promise<void> {
    await this.source.getRepository(egressTable).upsert(rule, ['origin']);
  }

  async deleteEgressRule(origin: string): Promise<void> {
    await this.source.getRepository(egressTable).delete({ origin });
  }

  /** @throws when the database does not answer */
  async probe(): Promise<void> {
    await this.source.query('SELECT 1');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}
