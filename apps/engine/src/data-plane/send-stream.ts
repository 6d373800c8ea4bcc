import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';

/** Bytes that may wait for a slow client; `pipe` stops the source after each part that is not taken at once. */
const waitingBytes = 256 * 1024;

/**
 * Sends a stream as the body of an answer. A failure in the middle breaks the connection off: nobody takes half an
 * answer for a whole one. A client that goes away ends the source.
 */
export function sendStream(body: Readable, response: ServerResponse): void {
  body.on('data', (chunk: Buffer) => {
    if (!response.write(chunk) && response.writableLength > waitingBytes) body.pause();
  });
  response.on('drain', () => body.resume());
  body.once('end', () => response.end());
  body.on('error', () => response.destroy());
  body.once('close', () => {
    if (!response.writableEnded) response.destroy();
  });
  response.once('close', () => body.destroy());
}
