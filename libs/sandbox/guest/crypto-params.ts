import { CryptoKey, keyId } from './crypto-key.js';

/** Bytes of one operation, gathered; a parameter names its part by place and length. */
export interface Packed {
  readonly parts: Uint8Array[];
  length: number;
}

/** Members of algorithm dictionaries: what is not among them is not read. */
const binary = ['iv', 'counter', 'additionalData', 'label', 'salt', 'info', 'publicExponent', 'context'];
const numeric = ['length', 'tagLength', 'iterations', 'modulusLength', 'saltLength'];
const jwkMembers = 'kty use key_ops alg ext crv x y d n e p q dp dq qi k'.split(' ');

export function packBytes(packed: Packed, data: unknown): { readonly $at: number; readonly $length: number } {
  const view = viewOf(data);
  const $at = packed.length;
  packed.parts.push(view.slice());
  packed.length += view.length;
  return { $at, $length: view.length };
}

function viewOf(data: unknown): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError('data is a buffer or a view of one');
}

/** An `AlgorithmIdentifier`, read once. */
export function packAlgorithm(packed: Packed, given: unknown): object {
  if ((typeof given !== 'object' && typeof given !== 'function') || given === null) {
    return { name: String(given) };
  }
  const from = given as Record<string, unknown>;
  const { name } = from;
  if (name === undefined) throw new TypeError('an algorithm has a name');
  const algorithm: Record<string, unknown> = { name: String(name) };
  for (const key of binary) if (from[key] !== undefined) algorithm[key] = packBytes(packed, from[key]);
  for (const key of numeric) if (from[key] !== undefined) algorithm[key] = Number(from[key]);
  const { hash, namedCurve, public: publicKey } = from;
  if (hash !== undefined) algorithm['hash'] = packAlgorithm(packed, hash);
  if (namedCurve !== undefined) algorithm['namedCurve'] = String(namedCurve);
  if (publicKey !== undefined) {
    if (!(publicKey instanceof CryptoKey)) throw new TypeError('public is a CryptoKey');
    algorithm['public'] = { $key: keyId(publicKey) };
  }
  return algorithm;
}

export function packJwk(given: unknown): { readonly $jwk: object } {
  if (
    typeof given !== 'object' ||
    given === null ||
    given instanceof ArrayBuffer ||
    ArrayBuffer.isView(given)
  ) {
    throw new TypeError('a JWK is an object');
  }
  const jwk: Record<string, unknown> = {};
  for (const key of jwkMembers) {
    const value: unknown = Reflect.get(given, key);
    if (value === undefined) continue;
    if (key === 'ext') jwk[key] = Boolean(value);
    else if (key === 'key_ops') jwk[key] = [...(value as Iterable<unknown>)].map(String);
    else jwk[key] = String(value);
  }
  return { $jwk: jwk };
}
