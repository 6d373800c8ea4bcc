import { createHash } from 'node:crypto';
import { Problem } from '@proxylet/contract';
import { FetchFailed } from './fetch-json.js';
import type { AuthLog } from './log.js';
import type { Principal } from './principal.js';

export interface AnswerCacheOptions {
  readonly issuer: string;
  readonly cacheSeconds: number;
  /** How long beyond an answer holds while the identity manager is away. */
  readonly graceSeconds: number;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: AuthLog;
}

/** What the identity manager said of a token. */
interface Answer {
  /** Undefined: it is none. */
  readonly principal: Principal | undefined;
  readonly askedAtMs: number;
  readonly expiresAtMs: number;
}

const maxAnswers = 10_000;
/** A refusal is believed so long, so that a token that is tried again and again costs one question. */
const refusalMs = 5000;
/** Questions at once; a flood of made-up tokens must not become one at the identity manager. */
const maxPending = 32;
const firstBackOffMs = 500;
const maxBackOffMs = 30_000;

/**
 * Answers about opaque tokens, by the SHA-256 of the token. Refusals are kept apart, so that a flood of them cannot
 * push out those who are in. While the identity manager fails it is left alone for growing times.
 */
export class AnswerCache {
  readonly #accepted = new Map<string, Answer>();
  readonly #refused = new Map<string, Answer>();
  readonly #pending = new Map<string, Promise<Principal | undefined>>();
  #failures = 0;
  #notBeforeMs = 0;

  constructor(private readonly options: AnswerCacheOptions) {}

  /**
   * @param ask what to find out with; undefined: no token. Fails with `FetchFailed` where there is no answer
   * @throws Problem `idm-unavailable`
   */
  async get(token: string, ask: () => Promise<Principal | undefined>): Promise<Principal | undefined> {
    const key = createHash('sha256').update(token).digest('base64url');
    const known = this.#accepted.get(key) ?? this.#refused.get(key);
    if (known !== undefined && this.#isFresh(known)) return known.principal;
    try {
      return await this.#asked(key, ask);
    } catch (error) {
      if (!(error instanceof FetchFailed)) throw error;
      if (known?.principal !== undefined && this.#isInGrace(known)) return known.principal;
      throw this.#outage();
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#accepted.clear();
    this.#refused.clear();
  }

  /** One question for all who ask at the same time. */
  #asked(key: string, ask: () => Promise<Principal | undefined>): Promise<Principal | undefined> {
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    if (this.#isLeftAlone()) return Promise.reject(new FetchFailed('left alone for a while'));
    if (this.#pending.size >= maxPending)
      return Promise.reject(new FetchFailed('too many questions at once'));
    const asking = this.#ask(key, ask).finally(() => this.#pending.delete(key));
    this.#pending.set(key, asking);
    return asking;
  }

  /** A clock that was turned back must not make the wait longer. */
  #isLeftAlone(): boolean {
    const leftMs = this.#notBeforeMs - this.options.now();
    return leftMs > 0 && leftMs <= 2 * maxBackOffMs;
  }

  async #ask(key: string, ask: () => Promise<Principal | undefined>): Promise<Principal | undefined> {
    try {
      const principal = await ask();
      this.#failures = 0;
      this.#keep(key, principal);
      return principal;
    } catch (error) {
      if (error instanceof FetchFailed) this.#backOff(error);
      throw error;
    }
  }

  #keep(key: string, principal: Principal | undefined): void {
    const askedAtMs = this.options.now();
    this.#accepted.delete(key);
    this.#refused.delete(key);
    const map = principal === undefined ? this.#refused : this.#accepted;
    map.set(key, { principal, askedAtMs, expiresAtMs: principal?.expiresAtMs ?? 0 });
    if (map.size <= maxAnswers) return;
    for (const oldest of map.keys()) {
      map.delete(oldest);
      return;
    }
  }

  #isFresh({ principal, askedAtMs, expiresAtMs }: Answer): boolean {
    const now = this.options.now();
    const holdsMs = principal === undefined ? refusalMs : this.options.cacheSeconds * 1000;
    return now >= askedAtMs && now < askedAtMs + holdsMs && (principal === undefined || now < expiresAtMs);
  }

  #isInGrace({ askedAtMs, expiresAtMs }: Answer): boolean {
    const { now, cacheSeconds, graceSeconds } = this.options;
    const at = now();
    return at >= askedAtMs && at < expiresAtMs && at < askedAtMs + (cacheSeconds + graceSeconds) * 1000;
  }

  #backOff(error: FetchFailed): void {
    const { now, random, log, issuer } = this.options;
    this.#failures += 1;
    const ms = Math.min(maxBackOffMs, firstBackOffMs * 2 ** Math.min(this.#failures - 1, 10));
    this.#notBeforeMs = now() + Math.round(ms * (0.8 + 0.4 * random()));
    if (this.#failures === 1 || this.#failures % 10 === 0) {
      log.warn({ issuer, reason: error.message }, 'the identity manager does not answer about tokens');
    }
  }

  #outage(): Problem {
    const waitMs = Math.max(1000, this.#notBeforeMs - this.options.now());
    return new Problem(
      'idm-unavailable',
      'The identity manager cannot be asked about this access token now.',
      {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      },
    );
  }
}
