import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestTls } from 'node:https';
import { checkedAddress, portOf, serverNameOf, type TargetPolicy } from '../http/checked-address.js';
import { TargetRefused } from '../http/target-refused.js';

export interface PostPolicy extends TargetPolicy {
  readonly timeoutMs: number;
}

/** What is read of an answer; it means nothing. */
const answerMaxBytes = 64 * 1024;

/**
 * Posts to an address that somebody else chose, and that is checked before; redirects are not followed.
 *
 * @returns the status
 * @throws TargetRefused, of which the owner of the webhook may read; an error of the connection passes through
 */
export async function guardedPost(
  target: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  policy: PostPolicy,
): Promise<number> {
  const url = new URL(target);
  const signal = AbortSignal.timeout(policy.timeoutMs);
  const address = await checkedAddress(url, policy, signal);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const request = (url.protocol === 'https:' ? requestTls : requestPlain)(
    {
      host: address,
      port: portOf(url),
      ...serverNameOf(url),
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
    reject(signal.aborted ? new TargetRefused(`no answer within ${policy.timeoutMs} ms`) : error),
  );
  request.end(body);
  return await promise;
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
