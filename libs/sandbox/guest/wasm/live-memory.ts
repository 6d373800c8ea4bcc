import { tooMuch } from './cap-module.js';

const { apply } = Reflect;

/** Memory and instances that guest code can still reach: a list that no setter of the guest gets to see. */
interface Held {
  readonly of: WeakRef<object>;
  /** Pages as far as anybody outside of a module can see them. */
  readonly pages: (of: object) => number;
  readonly next: Held | undefined;
}

const maxInstances = 256;

/**
 * Adds up the WebAssembly memory of an isolate. A module grows memory of its own unseen: that is bounded by the
 * maximum every memory has, and by the resident size of the runner, which the engine watches.
 */
export class LiveMemory {
  private first: Held | undefined;
  private count = 0;
  /** Pages as of the last look, with what came since. */
  private sum = 0;
  private readonly deref: (this: WeakRef<object>) => object | undefined;

  /**
   * @param Reference captured before it was taken from the guest
   * @param collect the collector of garbage: without it what nobody holds any more would count for long
   */
  constructor(
    private readonly Reference: typeof WeakRef,
    private readonly collect: () => void,
    readonly maxPages: () => number,
  ) {
    this.deref = Reference.prototype.deref;
  }

  /** @throws RangeError where it is too much, all together */
  reserve(pages: number): void {
    const most = this.maxPages();
    if (this.count >= maxInstances || this.sum + pages > most) {
      // In this order: what has been looked at stays until the end of the job.
      this.collect();
      this.look();
    }
    if (this.count >= maxInstances) {
      throw new RangeError(`a proxylet may have ${maxInstances} WebAssembly instances and memories at once`);
    }
    // Turned round, so that what is no number does not get through.
    if (!(this.sum + pages <= most)) throw new RangeError(tooMuch(this.sum + pages, most));
  }

  /** @param pages as many as it has when somebody looks */
  keep(of: object, pages: (of: object) => number): void {
    this.first = { of: new this.Reference(of), pages, next: this.first };
    this.count += 1;
    this.sum += pages(of);
  }

  grown(pages: number): void {
    this.sum += pages;
  }

  /** Counts anew what is there, and drops what is not. */
  private look(): void {
    let kept: Held | undefined;
    this.count = 0;
    this.sum = 0;
    for (let held = this.first; held !== undefined; held = held.next) {
      const there = apply(this.deref, held.of, []);
      if (there === undefined) continue;
      kept = { of: held.of, pages: held.pages, next: kept };
      this.count += 1;
      this.sum += held.pages(there);
    }
    this.first = kept;
  }
}
