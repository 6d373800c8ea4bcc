import type { Readable } from 'node:stream';
import { Problem } from '@proxylet/contract';

/** What is read and thrown away of a body that was refused, so that its sender comes to read the answer. */
const drainMaxBytes = 64 * 1024 * 1024;
const drainMaxMs = 5000;

/**
 * The bytes of a request as they arrive. Who stops early leaves the connection open, and the rest of the body is
 * thrown away as it comes, up to 64 MB or 5 s; then the connection is cut.
 *
 * @param statedBytes what the sender says the body has: too much is refused before it is read
 * @throws Problem `request-cancelled` where the sender ended before the body did, `archive-too-large`
 */
export async function* bodyBytes(
  body: Readable,
  statedBytes: string | undefined,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  let isWhole = false;
  try {
    if (Number(statedBytes ?? 0) > maxBytes)
      throw new Problem('archive-too-large', `The archive is larger than ${maxBytes} bytes.`, {
        extra: { rule: 'packed-size' },
      });
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) yield chunk;
    isWhole = true;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('request-cancelled', 'The upload ended before it was complete.', { cause: error });
  } finally {
    if (!isWhole) drain(body);
  }
}

function drain(body: Readable): void {
  if (body.destroyed || body.readableEnded) return;
  let bytes = 0;
  const cut = setTimeout(() => body.destroy(), drainMaxMs);
  body.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes > drainMaxBytes) body.destroy();
  });
  body.on('error', () => undefined);
  body.once('close', () => {
    clearTimeout(cut);
  });
  body.resume();
}
