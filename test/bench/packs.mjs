import { createHash, randomBytes } from 'node:crypto';
import { packSource } from '@proxylet/testing';

/**
 * Archives of about 30 KiB that do not compress away, each of a version of its own: `made('bench/a', '1.0.0')`.
 * Every target gets the very same bytes.
 */
export function makePack(name, version) {
  const noise = randomBytes(20 * 1024).toString('base64');
  const source = `export default { fetch() { return new Response('ok'); } };\n// ${noise}\n`;
  const { bytes, digest } = packSource({ name, version, source });
  const buffer = Buffer.from(bytes);
  return {
    name,
    version,
    bytes: buffer,
    digest,
    sha1: createHash('sha1').update(buffer).digest('hex'),
    sha512: createHash('sha512').update(buffer).digest('base64'),
  };
}
