import { createReadStream } from 'node:fs';

/** The bytes of a finished spool: given, or in a file. */
export async function* streamOf(source: string | Uint8Array): AsyncGenerator<Uint8Array> {
  if (typeof source === 'string')
    yield* createReadStream(source, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
  else yield source;
}

export async function* buffers(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) yield Buffer.from(chunk);
}
