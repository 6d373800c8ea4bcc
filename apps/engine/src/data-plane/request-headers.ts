import { guestCookies } from './cookies.js';

/**
 * Never shown to a guest: the caller's credentials, what belongs to one connection only, and headers by which a
 * proxy in front would vouch for somebody. No proxy is trusted here, so these could only be lies. The engine puts its
 * own span in the place of the caller's.
 */
const hidden = new Set([
  'authorization',
  'connection',
  'expect',
  'forwarded',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'remote-user',
  'te',
  'traceparent',
  'tracestate',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-app-id',
  'x-auth-token',
  'x-display-name',
  'x-eidas-profile',
  'x-nick-name',
  'x-organizations',
  'x-real-ip',
  'x-remote-user',
  'x-roles',
  'x-subject-token',
]);

/**
 * The headers a guest sees, names in lower case: those of the request without the hidden ones, the engine's public
 * host in place of the one asked for, and the prefix its address has on this engine.
 */
export function guestHeaders(
  rawHeaders: readonly string[],
  publicHost: string,
  prefix: string,
  connection: string | undefined,
): string[] {
  const named = connectionOptions(connection);
  const out: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (hidden.has(name) || name.startsWith('x-forwarded-') || named?.includes(name) === true) continue;
    if (name === 'host') {
      out.push(name, publicHost);
    } else if (name === 'cookie') {
      const cookies = guestCookies(rawHeaders[i + 1] as string);
      if (cookies !== undefined) out.push(name, cookies);
    } else {
      out.push(name, rawHeaders[i + 1] as string);
    }
  }
  out.push('x-forwarded-prefix', prefix);
  return out;
}

/** Header names that `Connection` declares to be for this hop only; undefined in the usual cases. */
function connectionOptions(connection: string | undefined): string[] | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return connection.split(',').map((option) => option.trim().toLowerCase());
}
