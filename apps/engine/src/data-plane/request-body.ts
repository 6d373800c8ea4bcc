import type { IncomingMessage } from 'node:http';
import { Problem } from '@proxylet/contract';

/** Bodies of a stated length up to this are read whole before the call; larger ones are streamed. */
const inlineMaxBytes = 64 * 1024;

export type RequestBody = Uint8Array | IncomingMessage | undefined;

/**
 * The request's body in its cheapest form.
 *
 * @throws Problem `body-too-large` from the stated length alone; `request-cancelled` when the caller breaks off,
 *   `request-timeout` when a body to be read whole takes longer than `timeoutMs`
 */
export function requestBody(
  request: IncomingMessage,
  maxBytes: number,
  timeoutMs: number,
): RequestBody | Promise<Uint8Array> {
  const length = request.headers['content-length'];
  if (length === undefined) {
    return request.headers['transfer-encoding'] === undefined ? undefined : request;
  }
  const bytes = Number(length);
  if (bytes === 0) return undefined;
  if (bytes > maxBytes) {
    throw new Problem('body-too-large', `The body has ${bytes} bytes; this engine takes ${maxBytes}.`);
  }
  return bytes > inlineMaxBytes ? request : readWhole(request, timeoutMs);
}

function readWhole(request: IncomingMessage, timeoutMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    // Most bodies come with their head: there is a timer only for one that lets itself be waited for.
    const waiting = setImmediate(() => {
      timer = setTimeout(() => {
        reject(new Problem('request-timeout', `The body did not arrive within ${timeoutMs} ms.`));
      }, timeoutMs);
    });
    let timer: NodeJS.Timeout | undefined;
    const arrived = (): void => {
      clearImmediate(waiting);
      clearTimeout(timer);
    };
    request.on('data', (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else (more ??= [first]).push(chunk);
    });
    request.on('end', () => {
      arrived();
      resolve(more === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(more));
    });
    const cancelled = (): void => {
      arrived();
      reject(new Problem('request-cancelled', 'The caller broke off the body.'));
    };
    request.on('error', cancelled);
    request.on('close', cancelled);
  });
}
