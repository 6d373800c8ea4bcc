import { CryptoKey, type CryptoKeyInfo, keyId, makeKey } from './crypto-key.js';
import { packAlgorithm, packBytes, packJwk, type Packed } from './crypto-params.js';
import { startOp } from './ops.js';
import { defineInterface, needArguments } from './webidl.js';

const formats = new Set(['raw', 'pkcs8', 'spki', 'jwk']);
const knownUsages = new Set([
  'encrypt',
  'decrypt',
  'sign',
  'verify',
  'deriveKey',
  'deriveBits',
  'wrapKey',
  'unwrapKey',
]);

const construct = Symbol('construct');

/** The one that `crypto.subtle` gives. */
export function makeSubtle(): SubtleCrypto {
  return new SubtleCrypto(construct);
}

/**
 * Web Cryptography §14. The work is done by the runner's own implementation, outside the isolate; keys stay there,
 * and the guest holds what names them.
 */
export class SubtleCrypto {
  constructor(token?: symbol) {
    if (token !== construct) throw new TypeError('Illegal constructor');
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    needArguments(arguments.length, 3, 'encrypt');
    return bytesOf(await ask('encrypt', algorithm, (packed) => [keyOf(key), packBytes(packed, data)]));
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    needArguments(arguments.length, 3, 'decrypt');
    return bytesOf(await ask('decrypt', algorithm, (packed) => [keyOf(key), packBytes(packed, data)]));
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    needArguments(arguments.length, 3, 'sign');
    return bytesOf(await ask('sign', algorithm, (packed) => [keyOf(key), packBytes(packed, data)]));
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    needArguments(arguments.length, 4, 'verify');
    const { text } = await ask('verify', algorithm, (packed) => [
      keyOf(key),
      packBytes(packed, signature),
      packBytes(packed, data),
    ]);
    return text === 'true';
  }

  async digest(algorithm: unknown, data: unknown): Promise<ArrayBuffer> {
    needArguments(arguments.length, 2, 'digest');
    return bytesOf(await ask('digest', algorithm, (packed) => [packBytes(packed, data)]));
  }

  async generateKey(algorithm: unknown, extractable: unknown, usages: unknown): Promise<object> {
    needArguments(arguments.length, 3, 'generateKey');
    const wanted = usagesOf(usages);
    return keysOf(await ask('generateKey', algorithm, () => [Boolean(extractable), wanted]));
  }

  async deriveKey(
    algorithm: unknown,
    baseKey: unknown,
    derivedType: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<object> {
    needArguments(arguments.length, 5, 'deriveKey');
    const wanted = usagesOf(usages);
    return keysOf(
      await ask('deriveKey', algorithm, (packed) => [
        keyOf(baseKey),
        packAlgorithm(packed, derivedType),
        Boolean(extractable),
        wanted,
      ]),
    );
  }

  async deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<ArrayBuffer> {
    needArguments(arguments.length, 2, 'deriveBits');
    const bits = length === null || length === undefined ? null : Number(length) >>> 0;
    return bytesOf(await ask('deriveBits', algorithm, () => [keyOf(baseKey), bits]));
  }

  async importKey(
    format: unknown,
    data: unknown,
    algorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<object> {
    needArguments(arguments.length, 5, 'importKey');
    const kind = formatOf(format);
    const wanted = usagesOf(usages);
    return keysOf(
      await ask('importKey', algorithm, (packed) => [
        kind,
        kind === 'jwk' ? packJwk(data) : packBytes(packed, data),
        Boolean(extractable),
        wanted,
      ]),
    );
  }

  async exportKey(format: unknown, key: unknown): Promise<unknown> {
    needArguments(arguments.length, 2, 'exportKey');
    const kind = formatOf(format);
    const result = await ask('exportKey', undefined, () => [kind, keyOf(key)]);
    return kind === 'jwk' ? JSON.parse(result.text) : bytesOf(result);
  }

  async wrapKey(
    format: unknown,
    key: unknown,
    wrappingKey: unknown,
    algorithm: unknown,
  ): Promise<ArrayBuffer> {
    needArguments(arguments.length, 4, 'wrapKey');
    const kind = formatOf(format);
    return bytesOf(await ask('wrapKey', algorithm, () => [kind, keyOf(key), keyOf(wrappingKey)]));
  }

  async unwrapKey(
    format: unknown,
    wrapped: unknown,
    unwrappingKey: unknown,
    algorithm: unknown,
    keyAlgorithm: unknown,
    extractable: unknown,
    usages: unknown,
  ): Promise<object> {
    needArguments(arguments.length, 7, 'unwrapKey');
    const kind = formatOf(format);
    const wanted = usagesOf(usages);
    return keysOf(
      await ask('unwrapKey', algorithm, (packed) => [
        kind,
        packBytes(packed, wrapped),
        keyOf(unwrappingKey),
        packAlgorithm(packed, keyAlgorithm),
        Boolean(extractable),
        wanted,
      ]),
    );
  }
}

defineInterface(SubtleCrypto, 'SubtleCrypto');
const lengths = {
  encrypt: 3,
  decrypt: 3,
  sign: 3,
  verify: 4,
  digest: 2,
  generateKey: 3,
  deriveKey: 5,
  deriveBits: 2,
  importKey: 5,
  exportKey: 2,
  wrapKey: 4,
  unwrapKey: 7,
};
for (const [name, value] of Object.entries(lengths)) {
  const operation: unknown = Reflect.get(SubtleCrypto.prototype, name);
  Object.defineProperty(operation, 'length', { value, configurable: true });
}

interface Answer {
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** Everything is read and copied before the promise is made, as the standard has it. */
async function ask(
  method: string,
  algorithm: unknown,
  rest: (packed: Packed) => readonly unknown[],
): Promise<Answer> {
  const packed: Packed = { parts: [], length: 0 };
  const first = algorithm === undefined && method === 'exportKey' ? null : packAlgorithm(packed, algorithm);
  const json = JSON.stringify([method, first, ...rest(packed)]);
  return startOp('crypto', json, concat(packed)).result;
}

function concat({ parts, length }: Packed): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function bytesOf({ bytes }: Answer): ArrayBuffer {
  return bytes.buffer as ArrayBuffer;
}

/** A key, or a pair of them as the runner answers it. */
function keysOf({ text }: Answer): object {
  const answer = JSON.parse(text) as
    | CryptoKeyInfo
    | { readonly publicKey: CryptoKeyInfo; readonly privateKey: CryptoKeyInfo };
  if (!('publicKey' in answer)) return makeKey(answer);
  return { publicKey: makeKey(answer.publicKey), privateKey: makeKey(answer.privateKey) };
}

function keyOf(key: unknown): { readonly $key: number } {
  if (!(key instanceof CryptoKey)) throw new TypeError('the key is a CryptoKey');
  return { $key: keyId(key) };
}

function formatOf(format: unknown): string {
  const text = String(format);
  if (!formats.has(text)) throw new TypeError('the format is raw, pkcs8, spki or jwk');
  return text;
}

function usagesOf(usages: unknown): string[] {
  if (typeof usages !== 'object' || usages === null || !(Symbol.iterator in usages)) {
    throw new TypeError('the usages are a list');
  }
  return [...(usages as Iterable<unknown>)].map((usage) => {
    const text = String(usage);
    if (!knownUsages.has(text)) throw new TypeError('not a usage of keys');
    return text;
  });
}
