import { tooMuch } from './cap-module.js';

const { apply } = Reflect;

/** What the engine holds of memory and instances that guest code can still reach. */
interface Held {
  readonly of: WeakRef<object>;
  /** Pages as far as anybody outside of a module can see them. */
  readonly pages: () => number;
}

const maxInstances = 256;

/**
 * Adds up the WebAssembly memory of an isolate. A module grows memory of its own unseen: that is bounded by the
 * maximum every memory has, and by the resident size of the runner, which the engine watches.
 */
export class LiveMemory {
  private held: Held[] = [];
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
    if (this.held.length >= maxInstances || this.sum() + pages > this.maxPages()) {
      this.collect();
      this.sweep();
    }
    if (this.held.length >= maxInstances) {
      throw new RangeError(`a proxylet may have ${maxInstances} WebAssembly instances and memories at once`);
    }
    const sum = this.sum() + pages;
    if (sum > this.maxPages()) throw new RangeError(tooMuch(sum, this.maxPages()));
  }

  keep(of: object, pages: (of: object) => number): void {
    const reference = new this.Reference(of);
    this.held[this.held.length] = {
      of: reference,
      pages: () => {
        const there = apply(this.deref, reference, []);
        return there === undefined ? 0 : pages(there);
      },
    };
  }

  private sum(): number {
    let pages = 0;
    for (let index = 0; index < this.held.length; index += 1) pages += this.held[index]?.pages() ?? 0;
    return pages;
  }

  private sweep(): void {
    const kept: Held[] = [];
    for (let index = 0; index < this.held.length; index += 1) {
      const held = this.held[index];
      if (held !== undefined && apply(this.deref, held.of, []) !== undefined) kept[kept.length] = held;
    }
    this.held = kept;
  }
}
