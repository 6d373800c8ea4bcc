import { type KeyObject, sign, verify } from 'node:crypto';
import { Problem } from '@proxylet/contract';
import { z } from 'zod';
import { isSoundKey, keyIdOf, keyIdSchema, keyObjectOf, type PublicKey, publicKeyOf } from './keys.js';

const base64 = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, 'must be base64');

/** A signed text of a stated type (DSSE 1.0, github.com/secure-systems-lab/dsse). */
export const envelopeSchema = z.strictObject({
  payloadType: z.string().min(1).max(200),
  payload: base64(256 * 1024),
  signatures: z
    .array(z.strictObject({ keyid: keyIdSchema, sig: base64(100) }))
    .min(1)
    .max(16),
});
export type Envelope = z.output<typeof envelopeSchema>;

/** What is signed: type and text with their lengths, so that neither can be taken for a part of the other. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

export function signEnvelope(payloadType: string, payload: Uint8Array, keys: readonly KeyObject[]): Envelope {
  const signed = preAuthEncoding(payloadType, payload);
  return {
    payloadType,
    payload: Buffer.from(payload).toString('base64'),
    signatures: keys.map((key) => ({
      keyid: keyIdOf(publicKeyOf(key)),
      sig: sign(null, signed, key).toString('base64'),
    })),
  };
}

export interface Verified {
  readonly payload: Buffer;
  /** Keys that signed, each once. */
  readonly keyIds: readonly string[];
}

/**
 * The text of an envelope, once enough of these keys signed it. Nothing in it is read before; a signature of a key
 * that is not asked about neither helps nor harms.
 *
 * @param keys by their ids
 * @param threshold how many different keys must have signed
 * @throws Problem `signature-invalid`
 */
export function verifyEnvelope(
  envelope: Envelope,
  payloadType: string,
  keys: ReadonlyMap<string, PublicKey>,
  threshold = 1,
): Verified {
  if (envelope.payloadType !== payloadType)
    throw new Problem('signature-invalid', `What is signed must be of the type ${payloadType}.`);
  const payload = Buffer.from(envelope.payload, 'base64');
  const signed = preAuthEncoding(payloadType, payload);
  const keyIds = new Set<string>();
  for (const { keyid, sig } of envelope.signatures) {
    const key = keys.get(keyid);
    if (key !== undefined && isSignedBy(key, keyid, signed, Buffer.from(sig, 'base64'))) keyIds.add(keyid);
  }
  if (keyIds.size >= threshold) return { payload, keyIds: [...keyIds] };
  const known = envelope.signatures.some(({ keyid }) => keys.has(keyid));
  throw new Problem(
    'signature-invalid',
    known
      ? 'A signature does not hold: what was signed is not what was sent, or another key signed it.'
      : 'No key that may sign this has signed it.',
  );
}

/** The id is the key's own, so that a list that names it otherwise gains nothing. */
export function isSignedBy(
  key: PublicKey,
  keyId: string,
  signed: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.byteLength !== 64 || keyIdOf(key) !== keyId || !isSoundKey(key)) return false;
  return verify(null, signed, keyObjectOf(key), signature);
}
