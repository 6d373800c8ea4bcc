import { webcrypto } from 'node:crypto';

/** PBKDF2 beyond this is refused: it runs on threads that all guests of the runner share. */
export const maxIterations = 100_000;
export const maxModulusBits = 4096;
/** Keys of one isolate; the one that was not used for the longest time is let go. */
const maxKeys = 4096;

type Key = webcrypto.CryptoKey;
type Arguments = readonly unknown[];

export interface LocalResult {
  readonly text: string;
  readonly bytes: ArrayBuffer | undefined;
}

const methods = new Set([
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'digest',
  'generateKey',
  'deriveKey',
  'deriveBits',
  'importKey',
  'exportKey',
  'wrapKey',
  'unwrapKey',
]);

/** `crypto.subtle` of one isolate: keys stay here, what crosses are bytes and names of keys. */
export class CryptoOps {
  private readonly keys = new Map<number, Key>();
  private lastKey = 0;

  /** @throws Error whose name and message the guest may read; of any kind for hostile input */
  async run(json: string, bytes: ArrayBuffer): Promise<LocalResult> {
    const [method, algorithm, ...rest] = JSON.parse(json) as [string, unknown, ...unknown[]];
    if (!methods.has(method)) throw new TypeError('no such operation');
    const given = this.revive(algorithm, bytes) as Record<string, unknown> | null;
    const args = rest.map((value) => this.revive(value, bytes));
    refuseExpensive(given);
    for (const value of args) if (isDictionary(value)) refuseExpensive(value);
    return this.answer(method, await call(method, given, args));
  }

  /** Bytes and keys in the place of what stands for them; plain JSON otherwise. */
  private revive(value: unknown, bytes: ArrayBuffer): unknown {
    if (!isDictionary(value)) return value;
    if ('$key' in value) return this.keyOf(value['$key']);
    if ('$jwk' in value) return value['$jwk'];
    if ('$at' in value) return new Uint8Array(bytes, Number(value['$at']), Number(value['$length']));
    return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, this.revive(held, bytes)]));
  }

  private keyOf(id: unknown): Key {
    const key = this.keys.get(Number(id));
    if (key === undefined) throw new DOMException('the key was let go: import it again', 'OperationError');
    this.keys.delete(Number(id));
    this.keys.set(Number(id), key);
    return key;
  }

  private answer(method: string, result: unknown): LocalResult {
    if (result instanceof ArrayBuffer) return { text: '', bytes: result };
    if (typeof result === 'boolean') return { text: String(result), bytes: undefined };
    if (method === 'exportKey') return { text: JSON.stringify(result), bytes: undefined };
    if (isDictionary(result) && 'privateKey' in result) {
      const { publicKey, privateKey } = result as unknown as webcrypto.CryptoKeyPair;
      const text = JSON.stringify({ publicKey: this.keep(publicKey), privateKey: this.keep(privateKey) });
      return { text, bytes: undefined };
    }
    return { text: JSON.stringify(this.keep(result as Key)), bytes: undefined };
  }

  private keep(key: Key): object {
    this.lastKey += 1;
    this.keys.set(this.lastKey, key);
    if (this.keys.size > maxKeys) {
      const [oldest] = this.keys.keys();
      if (oldest !== undefined) this.keys.delete(oldest);
    }
    const { type, extractable, usages } = key;
    const algorithm: Record<string, unknown> = { ...key.algorithm };
    const { publicExponent } = algorithm;
    if (publicExponent instanceof Uint8Array) algorithm['publicExponent'] = [...publicExponent];
    return { id: this.lastKey, type, extractable, algorithm, usages };
  }
}

function isDictionary(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function refuseExpensive(algorithm: Record<string, unknown> | null): void {
  if (algorithm === null) return;
  if (Number(algorithm['iterations'] ?? 0) > maxIterations) {
    throw new DOMException(`at most ${maxIterations} iterations`, 'NotSupportedError');
  }
  if (Number(algorithm['modulusLength'] ?? 0) > maxModulusBits) {
    throw new DOMException(`at most ${maxModulusBits} bits of a modulus`, 'NotSupportedError');
  }
}

/** The standard's order of arguments: the algorithm first, but after format and data where there are such. */
function call(method: string, algorithm: unknown, args: Arguments): Promise<unknown> {
  const [first, second, third, ...rest] = args;
  const ordered =
    method === 'importKey'
      ? [first, second, algorithm, third, ...rest]
      : method === 'exportKey'
        ? [first, second]
        : method === 'wrapKey' || method === 'unwrapKey'
          ? [first, second, third, algorithm, ...rest]
          : [algorithm, ...args];
  const { subtle } = webcrypto;
  const operation = Reflect.get(subtle, method) as (...values: Arguments) => Promise<unknown>;
  return Reflect.apply(operation, subtle, ordered);
}
