import type { Readable } from 'node:stream';

export interface PumpTarget {
  chunk(bytes: Buffer): void;
  end(): void;
  failed(error: unknown): void;
}

/**
 * Sends a stream on as far as the other side has granted. Nothing is read before the first grant, so that until then
 * the stream can still be given to somebody else.
 */
export class CreditedPump {
  private credit = 0;
  private isStarted = false;
  private isOver = false;

  constructor(
    private readonly source: Readable,
    private readonly target: PumpTarget,
  ) {
    source.on('error', this.onFailed);
    source.on('close', this.onFailed);
  }

  /** Whether more was asked for than has come. */
  get isWaiting(): boolean {
    return this.isStarted && !this.isOver && this.credit > 0;
  }

  grant(bytes: number): void {
    if (this.isOver) return;
    this.credit += bytes;
    if (this.credit <= 0) return;
    if (this.isStarted) {
      this.source.resume();
      return;
    }
    this.isStarted = true;
    this.source.on('data', this.onData);
    this.source.on('end', this.onEnd);
    this.source.resume();
  }

  /** Ends the pump without a word; the source stays as it is, paused. @returns whether nothing was read so far */
  release(): boolean {
    const isUntouched = !this.isStarted && !this.isOver;
    this.isOver = true;
    this.source.off('data', this.onData);
    this.source.off('end', this.onEnd);
    this.source.off('close', this.onFailed);
    return isUntouched;
  }

  private readonly onData = (chunk: Buffer): void => {
    this.credit -= chunk.length;
    if (this.credit <= 0) this.source.pause();
    this.target.chunk(chunk);
  };

  private readonly onEnd = (): void => {
    if (this.isOver) return;
    this.isOver = true;
    this.target.end();
  };

  /** An error, or a close without an end. */
  private readonly onFailed = (error?: unknown): void => {
    if (this.isOver) return;
    this.isOver = true;
    this.target.failed(error);
  };
}
