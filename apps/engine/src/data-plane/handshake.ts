import type { IncomingMessage } from 'node:http';
import { Problem } from '@proxylet/contract';

/** Before the token, in a subprotocol: browsers let no page set headers of a WebSocket. */
const bearerProtocol = 'proxylet.bearer.';
/** Answered where the guest chose none: a browser takes no answer without one of the protocols it named. */
const plainProtocol = 'proxylet';

/** RFC 6455 §4.1: 16 bytes in Base64. */
const keyPattern = /^[+/0-9A-Za-z]{21}[AQgw]==$/;
const protocolPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** What a WebSocket handshake says, as far as the engine cares. */
export interface Handshake {
  /** Protocols named by the client, the token's apart. */
  readonly protocols: readonly string[];
  /** As an `Authorization` header would have it. */
  readonly authorization: string | undefined;
  /** The token's protocol as it was named. */
  readonly bearer: string | undefined;
}

export function isHandshake({ headers }: IncomingMessage): boolean {
  return headers.upgrade?.toLowerCase() === 'websocket';
}

/**
 * Reads the handshake ahead of any token. A page of another origin is refused: browsers ask no leave for WebSockets.
 *
 * @param origins as the CORS list has them
 * @throws Problem `invalid-request`, `forbidden`
 */
export function readHandshake({ method, headers }: IncomingMessage, origins: ReadonlySet<string>): Handshake {
  const { origin } = headers;
  if (origin !== undefined && !origins.has(origin)) {
    throw new Problem(
      'forbidden',
      'WebSockets are open to pages of the origins this engine lists, and to no others.',
    );
  }
  const isSound =
    method === 'GET' &&
    headers['sec-websocket-version'] === '13' &&
    keyPattern.test(headers['sec-websocket-key'] ?? '');
  if (!isSound) throw new Problem('invalid-request', 'This is no handshake of RFC 6455, version 13.');
  const named = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const protocols = named.filter((name) => name !== '');
  if (
    !protocols.every((name) => protocolPattern.test(name)) ||
    new Set(protocols).size !== protocols.length
  ) {
    throw new Problem('invalid-request', 'Sec-WebSocket-Protocol names a protocol twice or wrongly.');
  }
  const bearer = protocols.find((name) => name.startsWith(bearerProtocol));
  const token = bearer === undefined ? undefined : `Bearer ${bearer.slice(bearerProtocol.length)}`;
  return {
    protocols: protocols.filter((name) => name !== bearer),
    authorization: headers.authorization ?? token,
    bearer,
  };
}

/**
 * The protocol to answer with: the guest's choice, else the plain one, else the only one there is, which the client
 * sent itself.
 */
export function chosenProtocol(
  { protocols, bearer }: Handshake,
  guestHeaders: readonly string[],
): string | undefined {
  for (let i = 0; i + 1 < guestHeaders.length; i += 2) {
    const isChoice = guestHeaders[i]?.toLowerCase() === 'sec-websocket-protocol';
    if (isChoice && protocols.includes(guestHeaders[i + 1] ?? '')) return guestHeaders[i + 1];
  }
  if (protocols.includes(plainProtocol)) return plainProtocol;
  return protocols.length === 0 ? bearer : undefined;
}

/** Headers of the handshake as the guest sees them: without the token, and with what tells that it is one. */
export function handshakeHeaders({ protocols }: Handshake, headers: readonly string[]): string[] {
  const out: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!(headers[i] as string).startsWith('sec-websocket-'))
      out.push(headers[i] as string, headers[i + 1] as string);
  }
  out.push('connection', 'Upgrade', 'upgrade', 'websocket');
  if (protocols.length > 0) out.push('sec-websocket-protocol', protocols.join(', '));
  return out;
}
