import { closeSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { systemCode } from '../stop.js';

/** Log file of one service: started anew with each start, the one before kept as `.1`, each at most `maxBytes`. */
export class ServiceLog {
  private file: number;
  private sizeBytes = 0;

  constructor(
    readonly path: string,
    private readonly maxBytes = 10 * 1024 * 1024,
  ) {
    this.file = this.openNew();
  }

  write(line: string): void {
    if (this.file < 0) return;
    const bytes = Buffer.from(`${line}\n`);
    if (this.sizeBytes + bytes.length > this.maxBytes) {
      closeSync(this.file);
      this.file = this.openNew();
    }
    try {
      this.sizeBytes += writeSync(this.file, bytes);
    } catch (error) {
      // A full disk costs log lines, never the service.
      if (systemCode(error) !== 'ENOSPC') throw error;
    }
  }

  close(): void {
    if (this.file >= 0) closeSync(this.file);
    this.file = -1;
  }

  private openNew(): number {
    if (statSync(this.path, { throwIfNoEntry: false }) !== undefined) renameSync(this.path, `${this.path}.1`);
    this.sizeBytes = 0;
    return openSync(this.path, 'a', 0o600);
  }
}
