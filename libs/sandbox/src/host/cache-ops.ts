import type { Readable } from 'node:stream';
import {
  type CachedEntry,
  type CachedHead,
  type CacheOperation,
  type CacheQuery,
  type CacheResult,
  GuestVisibleError,
  type OutboundResponse,
} from '../types.js';
import { stringOf } from './kv-ops.js';

type Input = Readonly<Record<string, unknown>>;

/** Reads a `cache.…` operation of a guest; undefined for one that does not exist. */
export function parseCache(kind: string, payload: string, bytes: Buffer): CacheOperation | undefined {
  const input = JSON.parse(payload) as Input;
  const cache = stringOf(input['cache']);
  switch (kind) {
    case 'cache.open':
    case 'cache.has':
    case 'cache.drop':
      return { op: kind.slice('cache.'.length) as 'open' | 'has' | 'drop', cache };
    case 'cache.names':
      return { op: 'names' };
    case 'cache.match':
      return { op: 'match', query: queryOf(input) };
    case 'cache.find':
      return { op: 'find', cache, query: typeof input['url'] === 'string' ? queryOf(input) : undefined };
    case 'cache.body':
      return { op: 'body', id: Number(input['id']) };
    case 'cache.put':
      return { op: 'put', cache, head: headOf(input), body: bytes };
    case 'cache.delete':
      return { op: 'delete', query: queryOf(input) };
    default:
      return undefined;
  }
}

/** Without the capability the global is there, as code that looks for it expects, and says what is missing. */
export function cacheNotGranted(): GuestVisibleError {
  return new GuestVisibleError(
    'TypeError',
    'Caches are not granted; the manifest needs "capabilities": ["cache"].',
  );
}

/** What `match` and `body` answer, in the form of an answer to `fetch`; status 0 says that there is none. */
export function cachedResponse(entry: CachedEntry | undefined, body: Uint8Array | Readable | undefined) {
  const { status, statusText, responseUrl, headers, storedMs } = entry ?? none;
  return {
    status,
    statusText,
    url: responseUrl,
    redirected: false,
    headers: ['stored-ms', String(storedMs), ...headers],
    body,
  } satisfies OutboundResponse;
}

/** What all other operations answer. */
export function cacheText(result: Exclude<CacheResult, { op: 'response' }>): string {
  switch (result.op) {
    case 'done':
      return JSON.stringify(result.isTrue);
    case 'names':
      return JSON.stringify(result.names);
    case 'entries':
      return JSON.stringify(result.entries);
    default:
      return result satisfies never;
  }
}

const none = { status: 0, statusText: '', responseUrl: '', headers: [], storedMs: 0 };

function queryOf(input: Input): CacheQuery {
  return {
    cache: typeof input['cache'] === 'string' ? input['cache'] : undefined,
    url: stringOf(input['url']),
    headers: listOf(input['headers']),
    ignoreSearch: input['ignoreSearch'] === true,
    ignoreVary: input['ignoreVary'] === true,
  };
}

function headOf(input: Input): CachedHead {
  return {
    url: stringOf(input['url']),
    requestHeaders: listOf(input['requestHeaders']),
    status: Number(input['status']),
    statusText: stringOf(input['statusText']),
    responseUrl: stringOf(input['responseUrl']),
    headers: listOf(input['headers']),
  };
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map((one: unknown) => stringOf(one)) : [];
}
