import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

export const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const sealedForm = /^sealed:([0-9a-f]{16}):([A-Za-z0-9_-]{38,})$/;

/** A value that was sealed under a key that is not at hand, or was changed since. */
export class CannotOpen extends Error {
  override readonly name = 'CannotOpen';
}

/**
 * Seals what must lie in a database but not be read there: AES-256-GCM (NIST SP 800-38D) with a fresh nonce each time.
 * The first key seals, all of them open, so that a key can be followed by another.
 */
export class SecretBox {
  readonly keyId: string;
  private readonly keys: ReadonlyMap<string, KeyObject>;

  /** @param keys 32 bytes each, at least one */
  constructor(keys: readonly Buffer[]) {
    this.keys = new Map(keys.map((bytes) => [idOf(bytes), createSecretKey(bytes)]));
    const [first] = this.keys.keys();
    if (first === undefined) throw new RangeError('a box needs a key');
    this.keyId = first;
  }

  /** @param place what the value belongs to: it can be opened for that alone */
  seal(text: string, place: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', this.key(this.keyId), nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `sealed:${this.keyId}:${sealed.toString('base64url')}`;
  }

  /** @throws CannotOpen */
  open(sealed: string, place: string): string {
    const [, keyId, text] = sealedForm.exec(sealed) ?? [];
    if (keyId === undefined || text === undefined) throw new CannotOpen('this is no sealed value');
    const bytes = Buffer.from(text, 'base64url');
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.key(keyId), bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(-tagBytes));
      const opened = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
      return Buffer.concat([opened, decipher.final()]).toString('utf8');
    } catch (error) {
      if (error instanceof CannotOpen) throw error;
      throw new CannotOpen('the sealed value was changed', { cause: error });
    }
  }

  has(keyId: string): boolean {
    return this.keys.has(keyId);
  }

  private key(id: string): KeyObject {
    const key = this.keys.get(id);
    if (key === undefined) throw new CannotOpen(`the key ${id} is not at hand`);
    return key;
  }
}

/** Key a value was sealed under; undefined for what was never sealed. */
export function sealedUnder(text: string): string | undefined {
  return sealedForm.exec(text)?.[1];
}

/** Follows from the key and does not give it away. */
function idOf(key: Buffer): string {
  return createHash('sha256').update('proxylet catalog sealing key\n').update(key).digest('hex').slice(0, 16);
}
