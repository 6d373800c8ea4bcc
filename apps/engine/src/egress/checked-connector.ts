import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { canonicalAddress, isPublicAddress, literalOf } from '@proxylet/nest';
import { GuestVisibleError } from '@proxylet/sandbox';
import { buildConnector } from 'undici';
import { portOf } from './origin-rules.js';

/** All addresses of a host name, in the order to try them. */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface ConnectPolicy {
  readonly resolve: Resolve;
  /** Whether an admin opened this origin, private or not, to whom the connection is for. */
  readonly isOpened: (origin: string) => boolean;
  /** Ports this engine listens on: closed on all of the machine's own addresses unless opened. */
  readonly ownPorts: () => readonly number[];
  readonly connectTimeoutMs: number;
}

export const resolveBySystem: Resolve = async (host) =>
  (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address);

/**
 * Connects only to addresses that were checked: the name is resolved once, every answer must be allowed, and the
 * socket goes to one of exactly these answers, so that a name which changes its mind in between gains nothing.
 */
export function checkedConnector(policy: ConnectPolicy): buildConnector.connector {
  const connect = buildConnector({ timeout: policy.connectTimeoutMs });
  const connectChecked = async (
    options: buildConnector.Options,
    callback: buildConnector.Callback,
  ): Promise<void> => {
    try {
      const address = await checkedAddress(options, policy);
      const servername = options.servername ?? nameForTls(options.hostname);
      connect({ ...options, hostname: address, host: address, servername }, callback);
    } catch (error) {
      callback(toError(error), null);
    }
  };
  return (options, callback) => void connectChecked(options, callback);
}

/** @throws GuestVisibleError `TypeError` when any answer lies where the guest may not go */
export async function checkedAddress(
  target: Pick<buildConnector.Options, 'protocol' | 'hostname' | 'port'>,
  policy: ConnectPolicy,
): Promise<string> {
  const literal = literalOf(target.hostname);
  const addresses = literal === undefined ? await resolveOrRefuse(target.hostname, policy) : [literal];
  const [first] = addresses;
  if (first === undefined) throw refusal(target.hostname, 'has no address');
  const port = portOf(target);
  const host =
    target.hostname.includes(':') && !target.hostname.startsWith('[')
      ? `[${target.hostname}]`
      : target.hostname;
  if (policy.isOpened(new URL(`${target.protocol}//${host}:${port}`).origin)) return first;
  for (const address of addresses) {
    if (!isPublicAddress(address)) throw refusal(target.hostname, privateReason);
    if (isOwn(address, port, policy)) throw refusal(target.hostname, 'is this engine itself');
  }
  return first;
}

const privateReason =
  'is not on the public internet; an admin of the engine can open its origin with PUT /v1/admin/egress';

async function resolveOrRefuse(host: string, policy: ConnectPolicy): Promise<readonly string[]> {
  return policy.resolve(host).catch(() => {
    throw new GuestVisibleError('TypeError', `fetch failed: the name ${host} cannot be resolved.`);
  });
}

function isOwn(address: string, port: string, policy: ConnectPolicy): boolean {
  if (!policy.ownPorts().includes(Number(port))) return false;
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const canonical = canonicalAddress(address);
  return own.some((entry) => canonicalAddress(entry.address) === canonical);
}

/** SNI carries names only. */
function nameForTls(hostname: string): string {
  return literalOf(hostname) === undefined ? hostname : '';
}

function refusal(host: string, reason: string): GuestVisibleError {
  return new GuestVisibleError('TypeError', `fetch refused: ${host} ${reason}.`);
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error('connect failed', { cause: error });
}
