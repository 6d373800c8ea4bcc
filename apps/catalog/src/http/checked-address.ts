import { isPublicAddress, literalOf } from '@proxylet/nest';
import { type ResolveName, resolveForeign, resolveOwn } from './name-lookups.js';
import { TargetRefused } from './target-refused.js';

export interface TargetPolicy {
  /** `host` or `host:port`, lower-case, that may have any address. */
  readonly allow: readonly string[];
  /** Every address of a name. */
  readonly resolve?: ResolveName;
}

/**
 * Address to connect to for a URL that somebody else chose. A name is resolved once, and every address of it must be
 * public or the host be allowed; who connects to exactly this address gains nothing by a name that changes its mind.
 *
 * @param signal ends the wait for the names' server, which the owner of the name may run
 * @throws TargetRefused
 */
export async function checkedAddress(
  url: URL,
  { allow, resolve = isAllowed(url, allow) ? resolveOwn : resolveForeign }: TargetPolicy,
  signal: AbortSignal,
): Promise<string> {
  const literal = literalOf(url.hostname);
  const addresses = literal === undefined ? await addressesOf(url.hostname, resolve, signal) : [literal];
  const [first] = addresses;
  if (first === undefined) throw new TargetRefused('the host has no address');
  if (isAllowed(url, allow) || addresses.every(isPublicAddress)) return first;
  throw new TargetRefused('the host is not on the public internet, and the operator does not allow it');
}

/** Whether a literal address in the URL can never be reached; a name is looked at when it is resolved. */
export function isForbiddenLiteral(target: string, allow: readonly string[]): boolean {
  const url = new URL(target);
  const literal = literalOf(url.hostname);
  return literal !== undefined && !isAllowed(url, allow) && !isPublicAddress(literal);
}

/** Port of a URL, also where it is the one of its scheme. */
export function portOf({ port, protocol }: Pick<URL, 'port' | 'protocol'>): string {
  if (port !== '') return port;
  return protocol === 'https:' ? '443' : '80';
}

/** Certificates are for names: what to ask for in a TLS handshake, if anything. */
export function serverNameOf({ protocol, hostname }: Pick<URL, 'protocol' | 'hostname'>): {
  readonly servername?: string;
} {
  return protocol === 'https:' && literalOf(hostname) === undefined ? { servername: hostname } : {};
}

async function addressesOf(
  host: string,
  resolve: (host: string) => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => reject(new TargetRefused('the host was not resolved in time'));
  signal.addEventListener('abort', giveUp, { once: true });
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([resolve(host), late]);
  } catch (error) {
    if (error instanceof TargetRefused) throw error;
    throw new TargetRefused('the host cannot be resolved', { cause: error });
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function isAllowed(url: URL, allow: readonly string[]): boolean {
  return allow.includes(url.hostname) || allow.includes(`${url.hostname}:${portOf(url)}`);
}
