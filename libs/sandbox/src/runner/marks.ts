import { writeSync } from 'node:fs';
import { markBytes, markSlots } from '../wire/marks.js';

/**
 * Tells the engine whose code runs, in a file that outlives this process: the culprit when it dies. Slot 0 is the
 * runner's own thread, the others are threads of the pool.
 */
export class Marks {
  private readonly bytes = Buffer.alloc(markBytes);
  private here = 0;
  private sequence = 0;
  private readonly taken = Array.from({ length: markSlots }, () => false);

  constructor(private readonly file: number) {}

  /** Written only when another guest gets the thread: a call after a call of the same guest costs nothing. */
  onOwnThread(key: number): void {
    if (key === this.here) return;
    this.here = key;
    this.write(0, key);
  }

  /** @returns ends it. Beyond the slots there are, work goes unmarked. */
  onPool(key: number): () => void {
    const slot = this.taken.indexOf(false, 1);
    if (slot < 0) return () => undefined;
    this.taken[slot] = true;
    this.write(slot, key);
    return () => {
      this.taken[slot] = false;
      this.write(slot, 0);
    };
  }

  private write(slot: number, key: number): void {
    this.sequence = (this.sequence % 0xffff_fffe) + 1;
    this.bytes.writeUInt32LE(key, 0);
    this.bytes.writeUInt32LE(this.sequence, 4);
    writeSync(this.file, this.bytes, 0, markBytes, slot * markBytes);
  }
}
