import { lookup } from 'node:dns/promises';
import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { isPublicAddress, literalOf } from '@proxylet/nest';

/** Why a request was not made; the sentence is shown to who owns the webhook. */
export class PostRefused extends Error {
  override readonly name = 'PostRefused';
}

export interface PostPolicy {
  /** `host` or `host:port`, lower-case, that may have any address. */
  readonly allow: readonly string[];
  readonly timeoutMs: number;
  /** Every address of a name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** What is read of an answer; it means nothing. */
const answerMaxBytes = 64 * 1024;

const resolveBySystem = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address);

/**
 * Posts to an address that somebody else chose. The name is resolved once, every address must be public or the host
 * be allowed, and the connection goes to one of exactly these; redirects are not followed.
 *
 * @returns the status
 * @throws PostRefused; an error of the connection passes through as it is
 */
export async function guardedPost(
  target: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  policy: PostPolicy,
): Promise<number> {
  const url = new URL(target);
  const signal = AbortSignal.timeout(policy.timeoutMs);
  const address = await checkedAddress(url, policy);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const isTls = url.protocol === 'https:';
  const request = (isTls ? requestTls : requestPlain)(
    {
      host: address,
      port: portOf(url),
      // Certificates are for names.
      ...(isTls && literalOf(url.hostname) === undefined ? { servername: url.hostname } : {}),
      path: `${url.pathname}${url.search}`,
      method: 'POST',
      agent: false,
      signal,
      headers: { ...headers, host: url.host, 'content-length': Buffer.byteLength(body), connection: 'close' },
    },
    (answer) => {
      readOff(answer, () => resolve(answer.statusCode ?? 0));
    },
  );
  request.on('error', (error) =>
    reject(signal.aborted ? new PostRefused(`no answer within ${policy.timeoutMs} ms`) : error),
  );
  request.end(body);
  return await promise;
}

/** Whether a literal address in the URL can never be reached; a name is looked at when it is resolved. */
export function isForbiddenLiteral(target: string, allow: readonly string[]): boolean {
  const url = new URL(target);
  const literal = literalOf(url.hostname);
  return literal !== undefined && !isAllowed(url, allow) && !isPublicAddress(literal);
}

async function checkedAddress(url: URL, { allow, resolve = resolveBySystem }: PostPolicy): Promise<string> {
  const literal = literalOf(url.hostname);
  const addresses = literal === undefined ? await addressesOf(url.hostname, resolve) : [literal];
  const [first] = addresses;
  if (first === undefined) throw new PostRefused('the host has no address');
  if (isAllowed(url, allow) || addresses.every(isPublicAddress)) return first;
  throw new PostRefused('the host is not on the public internet, and the operator does not allow it');
}

async function addressesOf(
  host: string,
  resolve: (host: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch (error) {
    throw new PostRefused('the host cannot be resolved', { cause: error });
  }
}

function isAllowed(url: URL, allow: readonly string[]): boolean {
  return allow.includes(url.hostname) || allow.includes(`${url.hostname}:${portOf(url)}`);
}

function portOf({ port, protocol }: URL): string {
  if (port !== '') return port;
  return protocol === 'https:' ? '443' : '80';
}

/** The connection may close in good order when the answer is short; a long one is cut. */
function readOff(answer: IncomingMessage, done: () => void): void {
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > answerMaxBytes) answer.destroy();
  });
  answer.on('error', () => undefined);
  answer.once('close', done);
}
