import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type Digest, Problem } from '@proxylet/contract';

/** @throws Problem `digest-mismatch` */
export async function assertFileDigest(file: string, digest: Digest): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== digest)
    throw new Problem('digest-mismatch', `The bytes have the digest ${actual}, not ${digest}.`);
}
