import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { rangeMatcher } from '../http/address-ranges.js';

/** Longest chain of proxies looked at. */
const maxHops = 20;

/**
 * Who sent a request: the other end of the connection, or where that is a proxy of the operator, the last address in
 * `X-Forwarded-For` that is not. From anybody else the header is not read at all.
 */
export class ClientAddress {
  readonly #matches: (address: string) => boolean;
  readonly #trustsAny: boolean;

  constructor(trustedProxies: readonly string[]) {
    this.#matches = rangeMatcher(trustedProxies);
    this.#trustsAny = trustedProxies.length > 0;
  }

  isTrusted(address: string): boolean {
    return this.#trustsAny && this.#matches(address);
  }

  of({ socket, headers }: IncomingMessage): string {
    const peer = socket.remoteAddress ?? '';
    if (!this.isTrusted(peer)) return peer;
    const forwarded = headers['x-forwarded-for'];
    if (typeof forwarded !== 'string') return peer;
    let client = peer;
    for (const text of forwarded.split(',').slice(-maxHops).toReversed()) {
      const address = text.trim();
      // A hop nobody can read: what stands before it is the word of strangers.
      if (isIP(address) === 0) return client;
      client = address;
      if (!this.isTrusted(address)) return client;
    }
    return client;
  }
}
