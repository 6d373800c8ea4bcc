import { Readable } from 'node:stream';

export interface BodyCap {
  /** Most bytes that may pass. */
  readonly maxBytes: number;
  /** What the reader is told when there are more. */
  readonly tooLarge: () => Error;
}

/** Four parts of a socket: one that waits costs more turns than memory. */
const highWaterMark = 256 * 1024;

/** A body that ends in an error past its caps; where its parts come from is told by the classes below it. */
export abstract class CappedBody extends Readable {
  private readonly caps: BodyCap[];
  private passedBytes = 0;

  constructor(cap: BodyCap) {
    super({ highWaterMark });
    this.caps = [cap];
  }

  /** The same stream under one more cap: each stream around another costs every part a turn. */
  under(cap: BodyCap): this {
    this.caps.push(cap);
    return this;
  }

  /** @returns false when the source shall wait until it is read from again */
  protected pass(chunk: Buffer): boolean {
    this.passedBytes += chunk.length;
    const broken = this.caps.find(({ maxBytes }) => this.passedBytes > maxBytes);
    if (broken === undefined) return this.push(chunk);
    this.destroy(broken.tooLarge());
    return true;
  }
}
