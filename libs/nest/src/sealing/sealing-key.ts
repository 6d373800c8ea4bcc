import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** A key of AES-256-GCM with the id that stands beside whatever it sealed. */
export interface SealingKey {
  /** 16 hex digits that follow from the key and do not give it away. */
  readonly id: string;
  readonly bytes: Buffer;
}

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** @param bytes 32 of them */
export function sealingKey(bytes: Buffer): SealingKey {
  const id = createHash('sha256').update('proxylet sealing key\n').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

export function newKeyBytes(): Buffer {
  return randomBytes(keyBytes);
}

/**
 * Seals with a fresh nonce each time (NIST SP 800-38D).
 *
 * @param place what the value belongs to: it can be opened for that alone
 * @returns nonce, tag and ciphertext in base64url
 */
export function seal({ bytes: key }: SealingKey, place: string, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place));
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** @throws where the key or the place is another one, or a byte was changed */
export function unseal({ bytes: key }: SealingKey, place: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const nonce = bytes.subarray(0, nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
    .setAAD(Buffer.from(place))
    .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  const text = decipher.update(bytes.subarray(nonceBytes + tagBytes));
  return Buffer.concat([text, decipher.final()]).toString('utf8');
}

/** Keys in base64 (standard or URL alphabet), apart by white space or commas; undefined where the text is not that. */
export function parseKeys(text: string): Buffer[] | undefined {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0 || words.some((word) => !/^[A-Za-z0-9+/_-]{43}=?$/.test(word))) return undefined;
  return words.map((word) => Buffer.from(word, 'base64'));
}
