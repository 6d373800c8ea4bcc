import { seal, type SealingKey, sealingKey, unseal } from '@proxylet/nest';

const sealedForm = /^sealed:([0-9a-f]{16}):([A-Za-z0-9_-]{38,})$/;

/** A value that was sealed under a key that is not at hand, or was changed since. */
export class CannotOpen extends Error {
  override readonly name = 'CannotOpen';
}

/**
 * Seals what must lie in a database but not be read there. The first key seals, all of them open, so that a key can be
 * followed by another.
 */
export class SecretBox {
  private readonly keys: ReadonlyMap<string, SealingKey>;
  private readonly current: SealingKey;

  /** @param keys 32 bytes each, at least one */
  constructor(keys: readonly Buffer[]) {
    const known = keys.map(sealingKey);
    const [first] = known;
    if (first === undefined) throw new RangeError('a box needs a key');
    this.current = first;
    this.keys = new Map(known.map((key) => [key.id, key]));
  }

  get keyId(): string {
    return this.current.id;
  }

  /** @param place what the value belongs to: it can be opened for that alone */
  seal(text: string, place: string): string {
    return `sealed:${this.keyId}:${seal(this.current, place, text)}`;
  }

  /** @throws CannotOpen */
  open(sealed: string, place: string): string {
    const [, keyId, text] = sealedForm.exec(sealed) ?? [];
    if (keyId === undefined || text === undefined) throw new CannotOpen('this is no sealed value');
    const key = this.keys.get(keyId);
    if (key === undefined) throw new CannotOpen(`the key ${keyId} is not at hand`);
    try {
      return unseal(key, place, text);
    } catch (error) {
      throw new CannotOpen('the sealed value was changed', { cause: error });
    }
  }

  has(keyId: string): boolean {
    return this.keys.has(keyId);
  }
}

/** Key a value was sealed under; undefined for what was never sealed. */
export function sealedUnder(text: string): string | undefined {
  return sealedForm.exec(text)?.[1];
}
