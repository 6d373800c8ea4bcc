import type { JSONWebKeySet, JWK } from 'jose';
import { z } from 'zod';
import { FetchFailed } from './fetch-json.js';

/** RSA keys below this are not trusted, whoever signs with them. */
const minRsaBits = 2048;
const maxKeys = 100;
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'] as const;

const documentSchema = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string(), kid: z.string().max(256).optional() }))
    .min(1)
    .max(maxKeys),
});

/**
 * The keys of a JWKS that may verify signatures. Encryption keys and short RSA keys are left out; a document that
 * shows a private or symmetric key is refused whole, since whoever reads it could sign.
 *
 * @throws FetchFailed where the document is refused or nothing usable is left
 */
export function usableKeys(document: unknown, source: string): JSONWebKeySet {
  const parsed = documentSchema.safeParse(document);
  if (!parsed.success) throw new FetchFailed(`${source} is not a key set with 1 to ${maxKeys} keys`);
  const all = parsed.data.keys as JWK[];
  if (all.some((key) => key.kty === 'oct' || privateMembers.some((member) => Object.hasOwn(key, member)))) {
    throw new FetchFailed(`${source} shows a private or symmetric key`);
  }
  const keys = all.filter((key) => isSigningKey(key) && isStrongEnough(key));
  if (keys.length === 0) throw new FetchFailed(`${source} holds no usable signature key`);
  return { keys };
}

function isSigningKey(key: JWK): boolean {
  return (key.kty === 'RSA' || key.kty === 'EC') && (key.use === undefined || key.use === 'sig');
}

function isStrongEnough(key: JWK): boolean {
  if (key.kty !== 'RSA') return true;
  if (typeof key.n !== 'string') return false;
  const modulus = Buffer.from(key.n, 'base64url');
  const first = modulus.findIndex((byte) => byte !== 0);
  if (first < 0) return false;
  return (modulus.length - first) * 8 - Math.clz32(modulus[first] ?? 0) + 24 >= minRsaBits;
}
