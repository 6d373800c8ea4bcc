import {
  type BodyCap,
  GuestVisibleError,
  type OutboundRequest,
  type OutboundResponse,
} from '@proxylet/sandbox';
import { Agent } from 'undici';
import { answerBody } from './answer-body.js';
import { isBlockedPort } from './blocked-ports.js';
import { checkedConnector, type Resolve, resolveBySystem } from './checked-connector.js';
import type { EgressRules } from './egress-rules.js';
import { matchesOrigin, parseOriginPattern } from './origin-rules.js';
import { type Hop, type HopAnswer, sendHop } from './hop.js';
import { allowedHeaders, withDefaults, withoutBodyHeaders, withoutCredentials } from './outbound-headers.js';
import { Slots } from './slots.js';

export interface EgressLimits {
  /** Largest answer passed to a guest, bytes after decoding. */
  readonly responseBytes: number;
  /** Requests of one installation under way at once. */
  readonly concurrency: number;
  /** Longest wait for an answer to begin, and between its parts. */
  readonly timeoutMs: number;
}

export interface EgressGuardOptions {
  readonly rules: EgressRules;
  readonly limits: EgressLimits;
  readonly ownPorts: () => readonly number[];
  readonly resolve?: Resolve | undefined;
}

/** For whom a request leaves the engine. */
export interface EgressSubject {
  readonly installationId: string;
  readonly proxylet: string;
  /** Origins of the manifest that the user granted. */
  readonly granted: readonly string[];
}

const maxRedirects = 5;
const maxWaiting = 200;
/** Of an answer that nobody reads. */
const discarded: BodyCap = { maxBytes: 64 * 1024, tooLarge: () => new Error('not wanted') };

/**
 * `fetch` of guests. Every hop must go to an origin that the user granted or an admin opened; where it then
 * connects to is checked by `checkedConnector`. Each installation has connections of its own.
 */
export class EgressGuard implements AsyncDisposable {
  private readonly lanes = new Map<string, Lane>();
  private readonly cap: BodyCap;

  constructor(private readonly options: EgressGuardOptions) {
    const { responseBytes: maxBytes } = options.limits;
    this.cap = { maxBytes, tooLarge: () => refused(`the answer has more than ${maxBytes} bytes`) };
    options.rules.onChange(() => void this.dropConnections());
  }

  /** @throws GuestVisibleError with a sentence that says what to change; the request is hostile input */
  async fetch(
    subject: EgressSubject,
    request: OutboundRequest,
    signal: AbortSignal,
  ): Promise<OutboundResponse> {
    const hop = this.firstHop(subject, request);
    const lane = this.laneOf(subject);
    const release = await lane.slots.take(signal);
    if (release === undefined) throw refused('too many requests of this installation are waiting');
    signal.addEventListener('abort', release, { once: true });
    try {
      // A slot that was given back by an abort goes to the next in line, which the same abort may have reached since.
      signal.throwIfAborted();
      return await this.follow(subject, request, hop, lane, signal, release);
    } catch (error) {
      release();
      throw toGuestError(error, signal);
    }
  }

  /** Ends what an installation has open, when it goes. */
  async forget(installationId: string): Promise<void> {
    const lane = this.lanes.get(installationId);
    this.lanes.delete(installationId);
    await lane?.agent.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dropConnections();
  }

  private firstHop(subject: EgressSubject, request: OutboundRequest): Hop {
    const url = this.allowedUrl(subject, request.url);
    const method = request.method.toUpperCase();
    const { body, bodyBytes } = request;
    return { url, method, headers: withDefaults(allowedHeaders(request.headers)), body, bodyBytes };
  }

  private async follow(
    subject: EgressSubject,
    request: OutboundRequest,
    first: Hop,
    lane: Lane,
    signal: AbortSignal,
    release: () => void,
  ): Promise<OutboundResponse> {
    let hop = first;
    for (let redirects = 0; ; redirects += 1) {
      const answer = await sendHop(hop, lane.agent, this.cap, signal);
      const location = redirectOf(answer);
      if (location === undefined || request.redirect === 'manual') {
        return this.answer(answer, hop, redirects > 0, release);
      }
      // A short body leaves its connection to the next request, a long one ends it.
      answer.body.under(discarded).resume();
      if (request.redirect === 'error') throw refused('the answer is a redirect');
      if (redirects === maxRedirects) throw refused(`more than ${maxRedirects} redirects`);
      hop = nextHop(hop, this.allowedUrl(subject, location, hop.url), answer.status);
    }
  }

  private async answer(
    answer: HopAnswer,
    hop: Hop,
    redirected: boolean,
    release: () => void,
  ): Promise<OutboundResponse> {
    const body = await answerBody(answer, hop.method, this.cap, release);
    const { status, statusText } = answer;
    return { status, statusText, url: hop.url.href, redirected, ...body };
  }

  private allowedUrl(subject: EgressSubject, text: string, base?: URL): URL {
    const url = URL.canParse(text, base?.href) ? new URL(text, base) : undefined;
    if (url === undefined) throw refused('the URL cannot be read');
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw refused(`the scheme ${url.protocol}`);
    if (isBlockedPort(url.port)) throw refused(`the port ${url.port} belongs to another protocol`);
    if (url.username + url.password !== '') throw refused('a URL may not carry a user name or password');
    const isGranted = subject.granted.some((text) => {
      const pattern = parseOriginPattern(text);
      return pattern !== undefined && matchesOrigin(pattern, url);
    });
    if (isGranted || this.options.rules.isOpened(url.origin, subject.proxylet)) return url;
    throw refused(
      `${url.origin} is not granted to this proxylet; its manifest needs "fetch": ["${url.origin}"], and its user must consent`,
    );
  }

  private laneOf({ installationId, proxylet }: EgressSubject): Lane {
    const existing = this.lanes.get(installationId);
    if (existing !== undefined) return existing;
    const { limits, rules, ownPorts, resolve = resolveBySystem } = this.options;
    const agent = new Agent({
      connections: limits.concurrency,
      keepAliveTimeout: 4000,
      headersTimeout: limits.timeoutMs,
      bodyTimeout: limits.timeoutMs,
      maxHeaderSize: 64 * 1024,
      connect: checkedConnector({
        resolve,
        ownPorts,
        isOpened: (origin) => rules.isOpened(origin, proxylet),
        connectTimeoutMs: Math.min(limits.timeoutMs, 10_000),
      }),
    });
    const lane = { agent, slots: new Slots(limits.concurrency, maxWaiting) };
    this.lanes.set(installationId, lane);
    return lane;
  }

  /** Requests under way fail; the next ones meet the rules of that time. */
  private async dropConnections(): Promise<void> {
    const lanes = [...this.lanes.values()];
    this.lanes.clear();
    await Promise.all(lanes.map(({ agent }) => agent.destroy()));
  }
}

interface Lane {
  readonly agent: Agent;
  readonly slots: Slots;
}

function redirectOf({ status, headers }: HopAnswer): string | undefined {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined;
  return headers.find(([name]) => name === 'location')?.[1];
}

/** Method and body change as the Fetch standard has it; credentials stay with the origin they were meant for. */
function nextHop(hop: Hop, url: URL, status: number): Hop {
  const becomesGet =
    (status === 303 && hop.method !== 'GET' && hop.method !== 'HEAD') ||
    ((status === 301 || status === 302) && hop.method === 'POST');
  if (!becomesGet && hop.body !== undefined && !(hop.body instanceof Uint8Array)) {
    throw refused('the answer is a redirect, and a body that was streamed cannot be sent again');
  }
  const kept = becomesGet ? withoutBodyHeaders(hop.headers) : hop.headers;
  return {
    url,
    method: becomesGet ? 'GET' : hop.method,
    headers: url.origin === hop.url.origin ? kept : withoutCredentials(kept),
    body: becomesGet ? undefined : hop.body,
    bodyBytes: undefined,
  };
}

function refused(reason: string): GuestVisibleError {
  return new GuestVisibleError('TypeError', `fetch refused: ${reason}.`);
}

/** What a socket says about the box stays here: the guest learns its own refusals and that the rest failed. */
function toGuestError(error: unknown, signal: AbortSignal): GuestVisibleError {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (at instanceof GuestVisibleError) return at;
  }
  if (signal.aborted) return new GuestVisibleError('AbortError', 'The fetch was aborted.');
  return new GuestVisibleError('NetworkError', 'fetch failed: the server cannot be reached or broke off.');
}
