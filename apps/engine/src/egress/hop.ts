import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import type { HeaderPair } from './outbound-headers.js';

/** One request on its way, redirects apart. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly HeaderPair[];
  readonly body: Uint8Array | Readable | undefined;
  /** Stated length of a body that streams, bytes. */
  readonly bodyBytes: number | undefined;
}

export interface HopAnswer {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case. */
  readonly headers: readonly HeaderPair[];
  readonly body: Readable;
  /** Lets go of a body nobody wants; a short one leaves its connection to the next request. */
  readonly discard: () => void;
}

/** Sends it without looking at what comes back; a body that streams is used up by it. */
export async function sendHop(hop: Hop, agent: Agent, signal: AbortSignal): Promise<HopAnswer> {
  const { url, method, headers, body, bodyBytes } = hop;
  const flat = headers.flat();
  if (bodyBytes !== undefined && body !== undefined) flat.push('content-length', String(bodyBytes));
  const answer = await agent.request({
    origin: url.origin,
    path: url.pathname + url.search,
    method,
    headers: flat,
    body: body ?? null,
    responseHeaders: 'raw',
    signal,
  });
  // One that ends early has no other listener, and would end the engine.
  answer.body.on('error', () => undefined);
  const raw = answer.headers as unknown as readonly string[];
  const pairs: HeaderPair[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([(raw[i] ?? '').toLowerCase(), raw[i + 1] ?? '']);
  return {
    status: answer.statusCode,
    statusText: answer.statusText,
    headers: pairs,
    body: answer.body,
    discard: () => void answer.body.dump().catch(() => undefined),
  };
}
