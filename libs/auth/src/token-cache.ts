import type { Principal } from './principal.js';

export interface TokenCacheOptions {
  /** Tokens remembered; the least recently used go first. Default 10 000. */
  readonly max?: number;
  readonly now?: () => number;
}

/**
 * Principals of tokens that were verified before, until the token expires. The key is the whole token, so nothing
 * can collide; a hit costs one Map look-up. Only a `TokenVerifier`'s result may be put in.
 */
export class TokenCache {
  readonly #entries = new Map<string, Principal>();
  readonly #max: number;
  readonly #now: () => number;

  constructor({ max = 10_000, now = Date.now }: TokenCacheOptions = {}) {
    this.#max = max;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(token: string): Principal | undefined {
    const principal = this.#entries.get(token);
    if (principal === undefined) return undefined;
    this.#entries.delete(token);
    if (principal.expiresAtMs <= this.#now()) return undefined;
    this.#entries.set(token, principal);
    return principal;
  }

  set(token: string, principal: Principal): void {
    this.#entries.delete(token);
    this.#entries.set(token, principal);
    if (this.#entries.size <= this.#max) return;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      return;
    }
  }

  /** Forgets everything; called when an issuer withdraws a key. */
  clear(): void {
    this.#entries.clear();
  }
}
