import { type CachedHead, type CacheQuery, GuestVisibleError } from '@proxylet/sandbox';

const maxUrlChars = 8 * 1024;
const maxHeaderChars = 64 * 1024;
const maxNameChars = 256;

/** Names of request headers that a response varies by, in lower case. */
export function varyOf(responseHeaders: readonly string[]): string[] {
  const names = new Set<string>();
  for (let index = 0; index + 1 < responseHeaders.length; index += 2) {
    if (responseHeaders[index]?.toLowerCase() !== 'vary') continue;
    for (const name of (responseHeaders[index + 1] ?? '').split(',')) names.add(name.trim().toLowerCase());
  }
  names.delete('');
  return [...names];
}

/** Whether a stored request has the values that the query has, in every header its response varies by. */
export function isSameVariant(
  vary: readonly string[],
  stored: readonly string[],
  query: readonly string[],
): boolean {
  return vary.every((name) => name !== '*' && valueOf(stored, name) === valueOf(query, name));
}

/** What a guest may store; hostile input. */
export function assertStorable(name: string, head: CachedHead): void {
  assertCacheName(name);
  const { url, status } = head;
  if (urlKeysOf(url) === undefined) throw typeError('only http and https addresses can be cached');
  if (!(Number.isInteger(status) && status >= 200 && status <= 599) || status === 206) {
    throw typeError('a response of this status cannot be cached');
  }
  for (const headers of [head.requestHeaders, head.headers]) assertHeaders(headers);
  for (const text of [head.statusText, head.responseUrl]) {
    if (text.length > maxUrlChars) throw typeError('the response has a text that is too long');
  }
  if (varyOf(head.headers).includes('*'))
    throw typeError('a response that varies by everything cannot be cached');
}

export function assertQuery(query: CacheQuery): void {
  if (query.cache !== undefined) assertCacheName(query.cache);
  assertHeaders(query.headers);
}

export function assertCacheName(name: string): void {
  if (name.length > maxNameChars)
    throw typeError(`the name of a cache has at most ${maxNameChars} characters`);
}

/** An address without its fragment, and without its query too; undefined where it is none of the web's. */
export function urlKeysOf(text: string): { readonly url: string; readonly bare: string } | undefined {
  if (text.length > maxUrlChars || !/^https?:\/\//.test(text)) return undefined;
  const [url = ''] = text.split('#', 1);
  const [bare = ''] = url.split('?', 1);
  return { url, bare };
}

function assertHeaders(headers: readonly string[]): void {
  const chars = headers.reduce((sum, text) => sum + text.length, 0);
  if (headers.length % 2 !== 0 || chars > maxHeaderChars) throw typeError('the headers are too large');
}

function valueOf(headers: readonly string[], name: string): string {
  const values: string[] = [];
  for (let index = 0; index + 1 < headers.length; index += 2) {
    if (headers[index]?.toLowerCase() === name) values.push((headers[index + 1] ?? '').trim());
  }
  return values.join(', ');
}

function typeError(message: string): GuestVisibleError {
  return new GuestVisibleError('TypeError', `${message}.`);
}
