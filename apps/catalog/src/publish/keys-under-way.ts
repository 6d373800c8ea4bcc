import type { BlobKey } from '../blob/blob-store.js';

/**
 * Keys that publishes of this process have put and not yet written a version for. A clean-up here leaves them alone;
 * one at another catalog leaves alone what is young.
 */
export class KeysUnderWay {
  private readonly keys = new Set<BlobKey>();

  /** To be disposed of once the publish came to its end. */
  hold(keys: readonly BlobKey[]): Disposable {
    for (const key of keys) this.keys.add(key);
    return {
      [Symbol.dispose]: () => {
        for (const key of keys) this.keys.delete(key);
      },
    };
  }

  has(key: BlobKey): boolean {
    return this.keys.has(key);
  }
}
