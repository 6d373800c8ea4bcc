import type { EntityManager } from 'typeorm';

/** One caller's part of a shared transaction. */
export interface GroupedWork {
  readonly run: (manager: EntityManager) => Promise<unknown>;
  /** The part went well; the caller hears of it after the commit. */
  readonly done: (result: unknown) => void;
  /** The part failed and was taken back; the others go on. */
  readonly fail: (error: unknown) => void;
}

interface Waiting extends GroupedWork {
  outcome: { readonly result: unknown } | undefined;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

const maxGroup = 64;
/** How long a work waits for others that are announced, ms. */
const gatherMs = 2;

/**
 * Gathers works that wait at the same time into one transaction: a commit costs a write to the disk, whether it is of
 * one work or of fifty. Each caller is answered after the commit of its group, never before.
 */
export class GroupCommit {
  private readonly waiting: Waiting[] = [];
  private running: Promise<void> | undefined;
  /** Works that were announced and are not done yet, those that wait among them. */
  private announced = 0;
  private complete = Promise.withResolvers<void>();

  /** @param write runs the works one after the other and commits; rejects where nothing was committed */
  constructor(private readonly write: (works: Iterable<GroupedWork>) => Promise<void>) {}

  async run(work: (manager: EntityManager) => Promise<unknown>): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const waiting: Waiting = {
      run: work,
      done: (result) => {
        waiting.outcome = { result };
      },
      fail: (error) => {
        reject(error);
      },
      outcome: undefined,
      resolve,
      reject,
    };
    this.waiting.push(waiting);
    if (this.waiting.length >= this.announced) this.complete.resolve();
    this.running ??= this.runAll();
    return await promise;
  }

  /** Says that a work will come soon: those that come before wait for it a little. To be disposed of when it is done. */
  announce(): Disposable {
    this.announced += 1;
    return {
      [Symbol.dispose]: () => {
        this.announced -= 1;
      },
    };
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    await this.running;
  }

  private async runAll(): Promise<void> {
    // Whatever else is ready in this turn of the event loop comes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      await this.gather();
      await this.runGroup();
    }
    this.running = undefined;
  }

  private async gather(): Promise<void> {
    if (this.waiting.length >= this.announced) return;
    this.complete = Promise.withResolvers();
    const late = setTimeout(this.complete.resolve, gatherMs);
    await this.complete.promise;
    clearTimeout(late);
  }

  private async runGroup(): Promise<void> {
    const group: Waiting[] = [];
    const { waiting } = this;
    function* taken(): Generator<Waiting> {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        group.push(next);
        yield next;
        if (group.length === maxGroup) return;
      }
    }
    try {
      await this.write(taken());
      for (const { outcome, resolve } of group) if (outcome !== undefined) resolve(outcome.result);
    } catch (error) {
      // Those that failed by themselves were told so; a second telling changes nothing.
      const lost = group.length > 0 ? group : this.waiting.splice(0, 1);
      for (const { reject } of lost) reject(error);
    }
  }
}
