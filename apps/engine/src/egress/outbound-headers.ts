/** Request headers that only the engine sets, or that would let a guest speak for somebody else. */
const forbidden = new Set([
  'accept-charset',
  'connection',
  'content-length',
  'expect',
  'forwarded',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
]);

/** Carried to the origin they were meant for, and to no other. */
const credentials = new Set(['authorization', 'cookie']);
const aboutBody = new Set(['content-encoding', 'content-language', 'content-location', 'content-type']);

export type HeaderPair = readonly [name: string, value: string];

/** Names and values in turn, as pairs, without what a guest may not set. */
export function allowedHeaders(flat: readonly string[]): HeaderPair[] {
  const pairs: HeaderPair[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i] ?? '';
    const lower = name.toLowerCase();
    if (forbidden.has(lower) || lower.startsWith('proxy-') || lower.startsWith('sec-')) continue;
    pairs.push([name, flat[i + 1] ?? '']);
  }
  return pairs;
}

export function withoutCredentials(pairs: readonly HeaderPair[]): HeaderPair[] {
  return pairs.filter(([name]) => !credentials.has(name.toLowerCase()));
}

export function withoutBodyHeaders(pairs: readonly HeaderPair[]): HeaderPair[] {
  return pairs.filter(([name]) => !aboutBody.has(name.toLowerCase()));
}

/** What a request has where the guest says nothing of it. */
const defaults: readonly HeaderPair[] = [
  ['accept', '*/*'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['user-agent', 'Proxylet'],
];

export function withDefaults(pairs: readonly HeaderPair[]): HeaderPair[] {
  const named = new Set(pairs.map(([name]) => name.toLowerCase()));
  return [...pairs, ...defaults.filter(([name]) => !named.has(name))];
}
