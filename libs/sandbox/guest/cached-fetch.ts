import { takeBody } from './body.js';
import { listOf, matchStored, store, type Stored, variesByEverything } from './cache-ops.js';
import { keepingRulesOf } from './cache-policy.js';
import { fetch } from './fetch.js';
import { Headers } from './headers.js';
import { Request, type RequestInit } from './request.js';
import { Response, ResponseParts } from './response.js';

interface CachedFetchInit extends RequestInit {
  /** Seconds for which a stored response is used without asking; what the response says where it is absent. */
  ttl?: number;
  /** Seconds beyond that for which it is used when asking fails; `Infinity` for as long as it is there. */
  staleIfError?: number;
}

/** Looks in the default cache first, and when the network fails; RFC 9111, RFC 5861. */
export async function cachedFetch(
  input: Request | { toString(): string },
  init: CachedFetchInit = {},
): Promise<Response> {
  const { ttl, staleIfError, ...rest } = init;
  const limits = { ttl: secondsOf(ttl, 'ttl'), staleIfError: secondsOf(staleIfError, 'staleIfError') };
  const request = new Request(input, rest);
  if (request.method !== 'GET') return fetch(request);
  const query = { url: request.url, headers: listOf(request.headers) };
  const stored = await matchStored({ ...query, cache: 'default' });
  if (stored === undefined) return fetchAndStore(request, limits);
  const overdue = overdueSeconds(stored, limits.ttl);
  if (overdue < 0) return shown(stored, 'hit');
  return revalidate(request, stored, overdue, limits);
}

interface Limits {
  readonly ttl: number | undefined;
  readonly staleIfError: number | undefined;
}

async function revalidate(
  request: Request,
  stored: Stored,
  overdue: number,
  limits: Limits,
): Promise<Response> {
  const { staleIfErrorSeconds } = keepingRulesOf(stored.response.headers);
  const isUsable = overdue <= (limits.staleIfError ?? staleIfErrorSeconds);
  let response: Response;
  try {
    response = await fetch(conditional(request, stored.response));
  } catch (error) {
    if (!isUsable || request.signal.aborted) throw error;
    return shown(stored, 'hit; detail=stale-if-error');
  }
  if (response.status === 304) return freshened(request, stored.response, response);
  if (response.status >= 500 && isUsable) {
    await response.body?.cancel();
    return shown(stored, 'hit; detail=stale-if-error');
  }
  await stored.response.body?.cancel();
  return keep(request, response, limits);
}

async function fetchAndStore(request: Request, limits: Limits): Promise<Response> {
  return keep(request, await fetch(request.clone()), limits);
}

/** Storing comes before the answer, and what it fails by is no failure of the answer. */
async function keep(request: Request, response: Response, { ttl }: Limits): Promise<Response> {
  const { isStorable } = keepingRulesOf(response.headers);
  const isWanted = ttl !== undefined || isStorable;
  if (response.status !== 200 || !isWanted || variesByEverything(response)) {
    return withStatus(response, takeBody(response), 'fwd=miss');
  }
  const bytes = await response.bytes();
  try {
    await store('default', request, response, bytes);
    return withStatus(response, bytes, 'fwd=miss; stored');
  } catch {
    return withStatus(response, bytes, 'fwd=miss');
  }
}

/** The stored body under the headers of now (RFC 9111 §3.2). */
async function freshened(request: Request, before: Response, now: Response): Promise<Response> {
  const headers = new Headers(before.headers);
  for (const [name, value] of now.headers) if (name !== 'content-length') headers.set(name, value);
  const bytes = await before.bytes();
  const response = new Response(
    new ResponseParts(before.status, before.statusText, headers, bytes, before.url, false, 'basic'),
  );
  try {
    await store('default', request, response, bytes);
  } catch {
    // It stays as it was, and is asked for again the next time.
  }
  return withStatus(response, bytes, 'hit; fwd=stale; fwd-status=304');
}

function conditional(request: Request, { headers: known }: Response): Request {
  const headers = new Headers(request.headers);
  const etag = known.get('etag');
  const modified = known.get('last-modified');
  if (etag !== null) headers.set('if-none-match', etag);
  else if (modified !== null) headers.set('if-modified-since', modified);
  return new Request(request, { headers });
}

function overdueSeconds({ response, storedMs }: Stored, ttl: number | undefined): number {
  return ageSeconds(response, storedMs) - (ttl ?? keepingRulesOf(response.headers).freshSeconds);
}

function ageSeconds(response: Response, storedMs: number): number {
  const before = Number(response.headers.get('age') ?? 0);
  return Math.max(0, Date.now() - storedMs) / 1000 + (before >= 0 ? before : 0);
}

function shown({ response, storedMs }: Stored, status: string): Response {
  return withStatus(response, takeBody(response), status, Math.floor(ageSeconds(response, storedMs)));
}

/** RFC 9211 tells whoever reads the answer where it came from. */
function withStatus(
  response: Response,
  source: ReturnType<typeof takeBody>,
  status: string,
  age?: number,
): Response {
  const headers = new Headers(response.headers);
  headers.set('cache-status', `proxylet; ${status}`);
  if (age !== undefined) headers.set('age', String(age));
  const { status: code, statusText, url, redirected } = response;
  return new Response(new ResponseParts(code, statusText, headers, source, url, redirected, 'basic'));
}

function secondsOf(value: unknown, what: string): number | undefined {
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (!(seconds >= 0)) throw new TypeError(`${what} is a number of seconds`);
  return seconds;
}
