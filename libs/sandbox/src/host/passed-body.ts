import type { Readable } from 'node:stream';
import { type BodyCap, CappedBody } from './capped-body.js';

export interface PassedBodyOptions extends BodyCap {
  /** The source is let run out where its reader stops: a request whose connection shall live on. */
  readonly keepsSource?: boolean;
}

/**
 * A stream handed on as it is, under a cap. Nothing flows before somebody reads; a source that breaks off breaks
 * this one off, and the other way round.
 */
export class PassedBody extends CappedBody {
  private isStarted = false;
  private hasEnded = false;

  constructor(
    private readonly source: Readable,
    private readonly options: PassedBodyOptions,
  ) {
    super(options);
    source.on('error', (error) => this.destroy(error));
    source.on('close', () => {
      if (!this.hasEnded) this.destroy(new Error('the body broke off'));
    });
    if (source.destroyed && !source.readableEnded) this.destroy(new Error('the body broke off'));
  }

  override _read(): void {
    if (this.isStarted) {
      this.source.resume();
      return;
    }
    this.isStarted = true;
    this.source.on('data', this.onData);
    this.source.on('end', () => {
      this.hasEnded = true;
      this.push(null);
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.source.off('data', this.onData);
    // Not before the answer, which may be on its way out, has been seen.
    if (this.options.keepsSource === true) setImmediate(() => this.source.resume());
    else this.source.destroy();
    done(error);
  }

  private readonly onData = (chunk: Buffer): void => {
    if (!this.pass(chunk)) this.source.pause();
  };
}
