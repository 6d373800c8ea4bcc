import { AnswerCache } from './answer-cache.js';
import type { Fetch } from './fetch-json.js';
import { introspect } from './introspection.js';
import type { IssuerProfile } from './issuer-profile.js';
import { askKeyrock } from './keyrock.js';
import type { AuthLog } from './log.js';
import type { Principal } from './principal.js';
import { TokenRefused } from './token-form.js';

export interface OpaqueTokensOptions {
  readonly profile: IssuerProfile;
  readonly audiences: readonly string[];
  readonly fetch: Fetch;
  readonly now: () => number;
  readonly random: () => number;
  readonly log: AuthLog;
}

/** RFC 6750 §2.1; short, since it is only a reference. */
const opaqueForm = /^[A-Za-z0-9._~+/-]{8,1024}={0,2}$/;

/** Tokens that services of this project hand out themselves; no issuer must ever see one. */
const ownForm = /^px[a-z]_/;

/** Tokens that only their issuer can read: it is asked, and its answer is believed for a while. */
export class OpaqueTokens {
  readonly #answers: AnswerCache;
  readonly #ending = new AbortController();

  constructor(private readonly options: OpaqueTokensOptions) {
    const { profile, now, random, log } = options;
    const { cacheSeconds = 60, graceSeconds = 300 } = profile.keyrock ?? profile.introspection ?? {};
    this.#answers = new AnswerCache({
      issuer: profile.issuer,
      cacheSeconds,
      graceSeconds,
      now,
      random,
      log,
    });
  }

  /**
   * @throws TokenRefused where it is no token, or none for here
   * @throws Problem `idm-unavailable`
   */
  async verify(token: string): Promise<Principal> {
    if (!opaqueForm.test(token) || ownForm.test(token)) throw new TokenRefused('it has the form of no token');
    const principal = await this.#answers.get(token, () => this.#ask(token));
    if (principal === undefined) throw new TokenRefused('its issuer says that it is not in force');
    return principal;
  }

  forget(): void {
    this.#answers.clear();
  }

  close(): void {
    this.#ending.abort();
  }

  async #ask(token: string): Promise<Principal | undefined> {
    const { profile, audiences, fetch, now } = this.options;
    const question = { profile, audiences, fetch, nowMs: now(), signal: this.#ending.signal };
    const ask = profile.keyrock === undefined ? introspect : askKeyrock;
    return ask(token, question);
  }
}
