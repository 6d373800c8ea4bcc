import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, TokenCache } from '@proxylet/auth';
import {
  correlatorOf,
  type FloodLimits,
  type FrontHandler,
  matchesEtag,
  type Metrics,
  traceIdOf,
} from '@proxylet/nest';
import type { Popularity } from '../search/popularity.js';
import type { Answer, AnswerCache } from './answer-cache.js';
import type { Freshness } from './freshness.js';
import { type HotSources, isHotPath, makerOf } from './hot-answers.js';

export interface HotReadsOptions {
  readonly sources: HotSources;
  readonly answers: AnswerCache;
  readonly freshness: Freshness;
  readonly tokens: TokenCache;
  readonly limits: Pick<FloodLimits, 'takeCall'>;
  readonly popularity: Popularity;
  readonly metrics: Metrics;
  readonly countSent: (bytes: number) => void;
  readonly isKnownHost: (request: IncomingMessage) => boolean;
}

type Next = Parameters<FrontHandler>[2];

/** Headers that make a request another one than the plain GET whose answer is kept. */
const special = [
  'range',
  'if-range',
  'if-match',
  'origin',
  'prefer',
  'content-length',
  'transfer-encoding',
] as const;
/** Of every answer of the control plane, see `setSafeHeaders`; `vary` as CORS says it. */
const safeHeaders = Object.entries({
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  vary: 'Origin',
}).flat();
/** Counts of downloads are written without a mark that other catalogs see; they are looked at this often, ms. */
const recheckMs = 2000;

/**
 * Plain GETs of public metadata and small archives, answered before the framework sees them: out of memory while
 * nothing was committed, else out of the database. It takes only requests of a caller whose token was verified before;
 * everything else, and everything that goes wrong, is the ordinary routes' to answer.
 */
export class HotReads {
  constructor(private readonly options: HotReadsOptions) {}

  readonly handle: FrontHandler = (request, response, next) => {
    const { url = '', method } = request;
    if (method !== 'GET' || !isHotPath(url) || special.some((name) => request.headers[name] !== undefined))
      return false;
    const principal = this.callerOf(request);
    if (principal === undefined || !this.options.isKnownHost(request) || this.isTooMuch(principal))
      return false;
    const startedMs = performance.now();
    const call = { request, response, next, principal, startedMs, url };
    const { answers, freshness } = this.options;
    const kept = answers.get(url);
    if (kept === undefined && makerOf(url) === undefined) return false;
    const stamp = stampOf(freshness);
    if (stamp === undefined) return false;
    if (typeof stamp === 'number' && kept !== undefined && isSettled(kept, stamp)) this.send(call, kept);
    else void this.look(call, kept, stamp);
    return true;
  };

  /** Only a token the guard itself has verified and kept is known here. */
  private callerOf({ headers: { authorization } }: IncomingMessage): Principal | undefined {
    if (authorization?.startsWith('Bearer ') !== true) return undefined;
    const principal = this.options.tokens.get(authorization);
    if (principal === undefined || principal.grant !== undefined) return undefined;
    return principal.scopes.has('catalog:read') ? principal : undefined;
  }

  /** The ordinary route says so, for it counts too. */
  private isTooMuch(principal: Principal): boolean {
    try {
      this.options.limits.takeCall(principal);
      return false;
    } catch {
      return true;
    }
  }

  private async look(call: Call, kept: Answer | undefined, stamp: number | Promise<number>): Promise<void> {
    let answer: Answer | undefined;
    try {
      answer = await this.current(call.url, kept, await stamp);
    } catch {
      // The ordinary route meets the same fault and says what it is.
    }
    if (answer === undefined) call.next(call.request, call.response);
    else this.send(call, answer);
  }

  private async current(url: string, kept: Answer | undefined, stamp: number): Promise<Answer | undefined> {
    const { answers, sources } = this.options;
    if (kept !== undefined && isSettled(kept, stamp)) return kept;
    const checkedAtMs = Date.now();
    if (kept !== undefined && (await kept.isCurrent())) return Object.assign(kept, { stamp, checkedAtMs });
    answers.delete(url);
    const made = await makerOf(url)?.(sources);
    if (made === undefined) return undefined;
    const answer = { ...made, stamp, checkedAtMs };
    answers.put(url, answer);
    return answer;
  }

  private send({ request, response, principal, startedMs }: Call, answer: Answer): void {
    const { metrics, popularity } = this.options;
    const isKnown = answer.etag !== undefined && matchesEtag(request.headers['if-none-match'], answer.etag);
    const status = isKnown ? 304 : 200;
    const trace = ['x-trace-id', traceIdOf(request), 'fiware-correlator', correlatorOf(request)];
    const length = isKnown ? [] : ['content-length', String(answer.body.byteLength)];
    response.writeHead(status, [...answer.headers, ...length, ...safeHeaders, ...trace]);
    if (isKnown) response.end();
    else response.end(answer.body);
    if (answer.download !== undefined && !isKnown) {
      popularity.countDownload(answer.download, principal.key);
      this.options.countSent(answer.body.byteLength);
    }
    metrics.observeRequest('GET', answer.route, status, (performance.now() - startedMs) / 1000);
  }
}

/** Undefined where the database cannot tell: the ordinary route says why. */
function stampOf(freshness: Freshness): number | Promise<number> | undefined {
  try {
    return freshness.stamp();
  } catch {
    return undefined;
  }
}

function isSettled({ stamp, checkedAtMs }: Answer, now: number): boolean {
  return stamp === now && Date.now() - checkedAtMs < recheckMs;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly next: Next;
  readonly principal: Principal;
  readonly startedMs: number;
  readonly url: string;
}
