import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { Readable } from 'node:stream';
import { checkedAddress, portOf, serverNameOf, type TargetPolicy } from '../http/checked-address.js';

/** Statuses that have no body, and with which a `Response` must have none. */
const bodiless = new Set([204, 205, 304]);

/**
 * `fetch` for the documents of issuers that owners of namespaces name: GET only, no redirects, and only to public
 * addresses or allowed hosts. The address that was checked is the one connected to. Time and size are the caller's to
 * limit, by the signal and by leaving off.
 */
export function issuerFetch(policy: TargetPolicy): typeof globalThis.fetch {
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const signal = init.signal ?? AbortSignal.timeout(5000);
    const answer = await get(url, await checkedAddress(url, policy, signal), signal);
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 600 && !bodiless.has(status))
      return new Response(Readable.toWeb(answer) as ReadableStream, { status });
    answer.destroy();
    throw new Error(`answered ${status}`);
  };
}

async function get(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = (url.protocol === 'https:' ? requestTls : requestPlain)(
    {
      host: address,
      port: portOf(url),
      ...serverNameOf(url),
      path: `${url.pathname}${url.search}`,
      agent: false,
      signal,
      headers: { host: url.host, accept: 'application/json', connection: 'close' },
    },
    resolve,
  );
  request.on('error', reject);
  request.end();
  return await promise;
}

/** `host:port` of every issuer the operator names: these may be inside. */
export function hostsOf(issuers: readonly string[]): string[] {
  return issuers.map((issuer) => {
    const url = new URL(issuer);
    return `${url.hostname}:${portOf(url)}`;
  });
}
