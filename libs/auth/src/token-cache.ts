import type { Principal } from './principal.js';

export interface TokenCacheOptions {
  /** Tokens remembered; the least recently used go first. Default 10 000. */
  readonly max?: number;
  /** Characters of all of them together; default 16 million, whatever lengths callers choose. */
  readonly maxChars?: number;
  readonly now?: () => number;
}

/** Clocks are corrected by less than this, ms. */
const clockStepMs = 60_000;

/**
 * Principals of tokens that were verified before, until the token expires or its issuer must be asked again. The key
 * is the whole `Authorization` header, so nothing can collide and no other spelling is found; a hit costs one Map
 * look-up. Only a `TokenVerifier`'s result may be put in.
 */
export class TokenCache {
  readonly #entries = new Map<string, Principal>();
  readonly #max: number;
  readonly #maxChars: number;
  readonly #now: () => number;
  #chars = 0;
  /** The latest time an entry was looked at. */
  #latestMs = 0;

  constructor({ max = 10_000, maxChars = 16_000_000, now = Date.now }: TokenCacheOptions = {}) {
    this.#max = max;
    this.#maxChars = maxChars;
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(authorization: string): Principal | undefined {
    const principal = this.#entries.get(authorization);
    if (principal === undefined) return undefined;
    const now = this.#now();
    if (now < this.#latestMs - clockStepMs) return this.#restart(now);
    this.#latestMs = now;
    this.#entries.delete(authorization);
    if (endOf(principal) <= now) {
      this.#chars -= authorization.length;
      return undefined;
    }
    this.#entries.set(authorization, principal);
    return principal;
  }

  set(authorization: string, principal: Principal): void {
    this.#delete(authorization);
    this.#entries.set(authorization, principal);
    this.#chars += authorization.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#max && this.#chars <= this.#maxChars) return;
      this.#delete(oldest);
    }
  }

  /** Forgets everything; called when an issuer withdraws a key, and when something is revoked. */
  clear(): void {
    this.#entries.clear();
    this.#chars = 0;
  }

  /** The clock was turned back: what had expired would be good again, so everything is verified anew. */
  #restart(now: number): undefined {
    this.#latestMs = now;
    this.clear();
  }

  #delete(authorization: string): void {
    if (this.#entries.delete(authorization)) this.#chars -= authorization.length;
  }
}

function endOf({ expiresAtMs, recheckAtMs }: Principal): number {
  return recheckAtMs === undefined ? expiresAtMs : Math.min(recheckAtMs, expiresAtMs);
}
