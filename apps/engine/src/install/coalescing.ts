import { Problem } from '@proxylet/contract';
import { type OnProgress, ProgressFan } from './progress.js';

/** Equal work asked for while it runs is done once: whoever comes later joins, progress included. */
export class Coalescing<T> {
  private readonly running = new Map<string, { readonly result: Promise<T>; readonly fan: ProgressFan }>();

  run(key: string, onProgress: OnProgress, work: (onProgress: OnProgress) => Promise<T>): Promise<T> {
    const joined = this.running.get(key);
    if (joined !== undefined) {
      joined.fan.join(onProgress);
      return joined.result;
    }
    const fan = new ProgressFan();
    fan.join(onProgress);
    const result = work(fan.emit).finally(() => this.running.delete(key));
    this.running.set(key, { result, fan });
    return result;
  }
}

const maxWaiting = 16;

/** One piece of work at a time per key, in the order asked. */
export class KeyedQueue {
  private readonly tails = new Map<string, { tail: Promise<unknown>; waiting: number }>();

  /** @throws Problem `installation-busy` when too many wait already */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const line = this.tails.get(key) ?? { tail: Promise.resolve(), waiting: 0 };
    if (line.waiting >= maxWaiting) {
      throw new Problem('installation-busy', 'Too many changes of these installations are waiting.', {
        retryAfterSeconds: 5,
      });
    }
    line.waiting += 1;
    this.tails.set(key, line);
    const turn = line.tail.then(work);
    // Whoever is next must not fail with this one.
    line.tail = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.tails.delete(key);
    }
  }
}

/** `Promise.all` over at most `limit` at a time; the first failure ends the rest before they start. */
export async function mapLimited<A, B>(
  items: readonly A[],
  limit: number,
  work: (item: A) => Promise<B>,
): Promise<B[]> {
  const results: B[] = [];
  const queue = [...items.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, item] = next;
      try {
        results[index] = await work(item);
      } catch (error) {
        queue.length = 0;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  return results;
}
