import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalTuf } from './canonical-tuf.js';

/** An Ed25519 public key as TUF writes it; the only kind of key there is here. */
export const publicKeySchema = z.strictObject({
  keytype: z.literal('ed25519'),
  scheme: z.literal('ed25519'),
  keyval: z.strictObject({ public: z.string().regex(/^[0-9a-f]{64}$/, 'must be 32 bytes in hex') }),
});
export type PublicKey = z.output<typeof publicKeySchema>;

export const keyIdSchema = z.string().regex(/^[0-9a-f]{64}$/, 'must be a key id of 64 hex digits');

/** DER before the 32 bytes of an Ed25519 key (RFC 8410 §4). */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');

/** SHA-256 over the key's canonical form (TUF 1.0 §4.2): whoever has the key can compute its name. */
export function keyIdOf(key: PublicKey): string {
  return createHash('sha256').update(canonicalTuf(key)).digest('hex');
}

export function keyObjectOf({ keyval }: PublicKey): KeyObject {
  const der = Buffer.concat([spkiPrefix, Buffer.from(keyval.public, 'hex')]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

/** @throws RangeError for a key of another kind */
export function publicKeyOf(key: KeyObject): PublicKey {
  if (key.asymmetricKeyType !== 'ed25519') throw new RangeError('only Ed25519 keys sign here');
  const open = key.type === 'private' ? createPublicKey(key) : key;
  const der = open.export({ format: 'der', type: 'spki' });
  return {
    keytype: 'ed25519',
    scheme: 'ed25519',
    keyval: { public: der.subarray(spkiPrefix.length).toString('hex') },
  };
}

/**
 * Points of small order: a signature "by" one of them holds for any text, and says nothing about who made it. Given
 * as the 32 bytes of the point, in each encoding that is read as it (RFC 8032 §5.1.3; "Taming the many EdDSAs", 2020).
 */
const smallOrder = new Set(
  [
    '0100000000000000000000000000000000000000000000000000000000000000',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    '0000000000000000000000000000000000000000000000000000000000000000',
    '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
    'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ].flatMap((hex) => [hex, withSign(hex)]),
);

function withSign(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes[31] = (bytes[31] ?? 0) | 0x80;
  return bytes.toString('hex');
}

/** Whether signatures of this key prove anything. */
export function isSoundKey({ keyval }: PublicKey): boolean {
  return !smallOrder.has(keyval.public);
}
