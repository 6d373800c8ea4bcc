import { Readable } from 'node:stream';
import { GuestVisibleError } from '../types.js';

/** Bytes a guest may send ahead of what is taken. */
const windowBytes = 256 * 1024;
/** Granted credit may be overdrawn by one part (`guest/fetch.ts`); more comes from no prelude of ours. */
const partBytes = 64 * 1024;

/** The body of a request that a guest sends as it makes it. */
export class Upload {
  readonly body: Readable;
  private outstanding = 0;
  private sentBytes = 0;

  /** @param grant tells the guest how many more bytes it may send; 0: none is wanted any more */
  constructor(
    private readonly maxBytes: number,
    private readonly grant: (bytes: number) => void,
  ) {
    this.body = new Readable({
      highWaterMark: windowBytes / 4,
      read: () => this.grantMore(),
      destroy: (error, done) => {
        this.grant(0);
        done(error);
      },
    });
    // Whoever reads hears of it by the reading.
    this.body.on('error', () => undefined);
  }

  chunk(bytes: Buffer): void {
    this.outstanding -= bytes.length;
    this.sentBytes += bytes.length;
    if (this.sentBytes > this.maxBytes) {
      this.body.destroy(
        new GuestVisibleError('TypeError', `fetch refused: the body has more than ${this.maxBytes} bytes.`),
      );
    } else if (this.outstanding < -partBytes) {
      this.body.destroy(
        new GuestVisibleError('TypeError', 'fetch refused: more was sent than was asked for.'),
      );
    } else {
      this.body.push(bytes);
    }
  }

  end(): void {
    this.body.push(null);
  }

  /** The guest does not go on. */
  stop(): void {
    if (!this.body.readableEnded)
      this.body.destroy(new GuestVisibleError('AbortError', 'The fetch was aborted.'));
  }

  private grantMore(): void {
    const more = windowBytes - this.outstanding;
    if (more < windowBytes / 2) return;
    this.outstanding += more;
    this.grant(more);
  }
}
