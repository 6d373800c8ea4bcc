import type { IncomingMessage } from 'node:http';
import { Problem } from '@proxylet/contract';

/** Bodies of a stated length up to this are read whole before the call; larger ones are streamed. */
const inlineMaxBytes = 64 * 1024;

export type RequestBody = Uint8Array | IncomingMessage | undefined;

/**
 * The request's body in its cheapest form.
 *
 * @throws Problem `body-too-large` from the stated length alone; `request-cancelled` when the caller breaks off
 */
export function requestBody(request: IncomingMessage, maxBytes: number): RequestBody | Promise<Uint8Array> {
  const length = request.headers['content-length'];
  if (length === undefined) {
    return request.headers['transfer-encoding'] === undefined ? undefined : request;
  }
  const bytes = Number(length);
  if (bytes === 0) return undefined;
  if (bytes > maxBytes) {
    throw new Problem('body-too-large', `The body has ${bytes} bytes; this engine takes ${maxBytes}.`);
  }
  return bytes > inlineMaxBytes ? request : readWhole(request);
}

function readWhole(request: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let more: Buffer[] | undefined;
    request.on('data', (chunk: Buffer) => {
      if (first === undefined) first = chunk;
      else (more ??= [first]).push(chunk);
    });
    request.on('end', () => resolve(more === undefined ? (first ?? Buffer.alloc(0)) : Buffer.concat(more)));
    const cancelled = (): void => reject(new Problem('request-cancelled', 'The caller broke off the body.'));
    request.on('error', cancelled);
    request.on('close', cancelled);
  });
}
