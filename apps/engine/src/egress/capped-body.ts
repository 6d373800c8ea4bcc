import { Readable } from 'node:stream';
import { GuestVisibleError } from '@proxylet/sandbox';

/** Bodies up to this size are handed over whole. */
const inlineMaxBytes = 64 * 1024;

export interface BodySource {
  readonly stream: AsyncIterable<Uint8Array> | null;
  /** Stated length; undefined where none is, or where the body is decoded on the way. */
  readonly statedBytes: number | undefined;
}

/**
 * A response body that ends in an error past the cap, and calls `onEnd` exactly once when it is over in any way.
 */
export async function cappedBody(
  source: BodySource,
  maxBytes: number,
  onEnd: () => void,
): Promise<Uint8Array | Readable | undefined> {
  if (source.stream === null) {
    onEnd();
    return undefined;
  }
  const chunks = capped(source.stream, maxBytes, onEnd);
  if (source.statedBytes === undefined || source.statedBytes > inlineMaxBytes) {
    const readable = Readable.from(chunks, { objectMode: false });
    // A stream nobody started reading never enters the generator: its end is told here.
    readable.once('close', onEnd);
    return readable;
  }
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* capped(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
  onEnd: () => void,
): AsyncGenerator<Uint8Array> {
  let received = 0;
  try {
    for await (const chunk of stream) {
      received += chunk.byteLength;
      if (received > maxBytes) {
        throw new GuestVisibleError(
          'TypeError',
          `fetch refused: the answer has more than ${maxBytes} bytes.`,
        );
      }
      yield chunk;
    }
  } finally {
    onEnd();
  }
}
