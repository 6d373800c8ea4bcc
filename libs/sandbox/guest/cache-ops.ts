import { startResponse } from './fetch.js';
import { type Headers, headersText } from './headers.js';
import { startOp } from './ops.js';
import type { Response } from './response.js';

export interface Stored {
  readonly response: Response;
  /** ms since 1970. */
  readonly storedMs: number;
}

export interface Query {
  readonly url: string;
  readonly headers: readonly string[];
  readonly ignoreSearch?: boolean;
  readonly ignoreVary?: boolean;
}

export function variesByEverything({ headers }: Response): boolean {
  return (headers.get('vary') ?? '').split(',').some((name) => name.trim() === '*');
}

export async function store(
  cache: string,
  request: { readonly url: string; readonly headers: Headers },
  response: Response,
  bytes: Uint8Array | undefined,
): Promise<void> {
  const { status, statusText, url: responseUrl, headers } = response;
  const head = { cache, url: request.url, requestHeaders: listOf(request.headers), status, statusText };
  await ask('cache.put', { ...head, responseUrl, headers: listOf(headers) }, bytes);
}

export function matchStored(
  query: Query & { readonly cache: string | undefined },
): Promise<Stored | undefined> {
  return storedOf('cache.match', query);
}

/** The engine answers as to `fetch`, with the time of storing in front of the headers; status 0 says "none". */
export async function storedOf(kind: string, query: object): Promise<Stored | undefined> {
  let storedMs = 0;
  const response = await startResponse(kind, JSON.stringify(query), (lines) => {
    if (lines[0] === '0') return undefined;
    [, storedMs = 0] = lines.splice(4, 2).map(Number);
    return lines;
  });
  return response && { response, storedMs };
}

export async function ask(kind: string, input: object, bytes?: Uint8Array): Promise<unknown> {
  const { text } = await startOp(kind, JSON.stringify(input), bytes).result;
  return JSON.parse(text) as unknown;
}

/** Names and values in turn. */
export function listOf(headers: Headers): string[] {
  const text = headersText(headers);
  return text === '' ? [] : text.split('\n');
}
