import { createHash, type KeyObject, sign } from 'node:crypto';
import { canonicalTuf, type Signable } from './canonical-tuf.js';
import { keyIdOf, publicKeyOf } from './keys.js';
import type { Meta } from './tuf-documents.js';

/** Version of the specification that documents follow. */
export const tufSpecVersion = '1.0.31';

/**
 * A signed document, as bytes that are not to be changed any more.
 *
 * @throws RangeError for what cannot be signed
 */
export function signDocument(signed: Readonly<Record<string, Signable>>, keys: readonly KeyObject[]): Buffer {
  const text = Buffer.from(canonicalTuf(signed));
  const signatures = keys.map((key) => ({
    keyid: keyIdOf(publicKeyOf(key)),
    sig: sign(null, text, key).toString('hex'),
  }));
  return Buffer.from(JSON.stringify({ signatures, signed }));
}

/** What the next document says of this one. */
export function metaOf(version: number, bytes: Uint8Array): Meta {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { version, length: bytes.byteLength, hashes: { sha256 } };
}
