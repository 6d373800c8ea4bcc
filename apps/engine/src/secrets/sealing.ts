import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

/** A key of AES-256-GCM with the id that stands beside whatever it sealed. */
export interface SealingKey {
  /** 16 hex digits that follow from the key and do not give it away. */
  readonly id: string;
  readonly bytes: Buffer;
}

/** One secret as it is kept: nothing of its value can be read without the key. */
export interface SealedSecret {
  readonly installationId: string;
  readonly name: string;
  readonly keyId: string;
  /** 12 bytes of nonce, 16 of tag, then the ciphertext (NIST SP 800-38D), in base64. */
  readonly sealed: string;
  readonly createdAtMs: number;
  readonly changedAtMs: number;
  /** Principal key. */
  readonly changedBy: string;
}

export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

export function sealingKey(bytes: Buffer): SealingKey {
  const id = createHash('sha256').update('proxylet sealing key\n').update(bytes).digest('hex').slice(0, 16);
  return { id, bytes };
}

/** The place is bound to the value: a row moved to another installation or name cannot be opened there. */
export function seal(key: SealingKey, place: Place, value: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key.bytes, nonce).setAAD(placeBytes(place));
  const text = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64');
}

/** @throws where the key is another one, or a byte was changed */
export function open(key: SealingKey, place: Place, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
    .setAAD(placeBytes(place))
    .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  const text = decipher.update(bytes.subarray(nonceBytes + tagBytes));
  return Buffer.concat([text, decipher.final()]).toString('utf8');
}

export type Place = Pick<SealedSecret, 'installationId' | 'name'>;

function placeBytes({ installationId, name }: Place): Buffer {
  return Buffer.from(`${installationId}\n${name}`);
}
