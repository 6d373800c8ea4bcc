import { join } from 'node:path';
import { exitCodes, ServiceFault } from '@proxylet/nest';
import { DataSource } from 'typeorm';

/**
 * Keeps a state folder for one process: a second catalog would clear the first one's uploads. The lock is SQLite's
 * on a file of its own, so the system frees it at any death of the process.
 */
export class FolderLock {
  private constructor(private readonly source: DataSource) {}

  /** @throws ServiceFault where another process has the folder */
  static async take(folder: string): Promise<FolderLock> {
    const source = new DataSource({
      type: 'better-sqlite3',
      database: join(folder, 'catalog.lock'),
      timeout: 0,
    });
    await source.initialize();
    try {
      await source.query('BEGIN EXCLUSIVE');
    } catch (error) {
      await source.destroy();
      const sentence = `The state folder ${folder} is in use by another catalog; set PROXYLET_STATE_DIR to another one.`;
      throw new ServiceFault(exitCodes.stateNotWritable, sentence, { cause: error });
    }
    return new FolderLock(source);
  }

  /** Safe to call twice. */
  async release(): Promise<void> {
    if (this.source.isInitialized) await this.source.destroy();
  }
}
