import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formParts } from './multipart.js';

async function* inPieces(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

async function read(source: AsyncIterable<Buffer>, type: string): Promise<[string, Buffer][]> {
  const parts: [string, Buffer][] = [];
  for await (const { name, content } of formParts(source, type)) {
    const chunks: Buffer[] = [];
    for await (const chunk of content) chunks.push(chunk);
    parts.push([name, Buffer.concat(chunks)]);
  }
  return parts;
}

describe('formParts', () => {
  it('gives back what any form holds, however it arrives', async () => {
    // Bytes of boundaries and line ends come up often, so that near misses do.
    const bytes = fc
      .array(fc.constantFrom('\r', '\n', '-', 'B', '\r\n--B', 'x', '\0'), { maxLength: 40 })
      .map((parts) => Buffer.from(parts.join('').replaceAll('\r\n--BOUND', '')));
    const form = fc.array(fc.tuple(fc.stringMatching(/^[a-z@/.0-9]{1,20}$/), bytes), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        form,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        async (parts, sizes) => {
          const text = parts.map(([name, content]) =>
            Buffer.concat([
              Buffer.from(
                `--BOUND\r\nContent-Disposition: form-data; name="${name}"; filename="f"\r\nA: b\r\n\r\n`,
              ),
              content,
              Buffer.from('\r\n'),
            ]),
          );
          const body = Buffer.concat([...text, Buffer.from('--BOUND--\r\n')]);
          expect(await read(inPieces(body, sizes), 'multipart/form-data; boundary=BOUND')).toEqual(parts);
        },
      ),
    );
  });

  it('never crashes on any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        const body = Buffer.concat([Buffer.from('--B\r\n'), bytes]);
        await expect(read(inPieces(body, [7]), 'multipart/form-data; boundary="B"')).rejects.toMatchObject({
          code: 'invalid-request',
        });
      }),
    );
  });
});
