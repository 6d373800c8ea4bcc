import { keyIdSchema, publicKeySchema } from '@proxylet/artifact';
import { z } from 'zod';
import { signingKeyStates } from '../database/provenance.entity.js';

export const newKeyBody = z.strictObject({
  publicKey: z
    .string()
    .max(500)
    .meta({ description: 'An Ed25519 public key: PEM (`BEGIN PUBLIC KEY`), or its 32 bytes in hex' }),
  label: z.string().min(1).max(100).meta({ example: 'release team 2027' }),
});
export type NewKey = z.output<typeof newKeyBody>;

export const keyChangeBody = z.strictObject({
  state: z.enum(['retired', 'revoked']).meta({
    description: 'retired: what it signed stays signed. revoked: nothing is signed by it any more',
  }),
  reason: z.string().min(1).max(500),
});
export type KeyChange = z.output<typeof keyChangeBody>;

export const signingKeySchema = z.object({
  keyId: keyIdSchema,
  publicKey: publicKeySchema,
  label: z.string(),
  state: z.enum(signingKeyStates),
  reason: z.string().optional(),
  createdAt: z.iso.datetime(),
  changedAt: z.iso.datetime(),
});
export type SigningKeyView = z.output<typeof signingKeySchema>;
export const signingKeysSchema = z.object({ items: z.array(signingKeySchema) });

export const signatureSchema = z.object({
  keyId: keyIdSchema,
  /** Of the key, now. */
  keyState: z.enum(signingKeyStates),
  signedAt: z.iso.datetime(),
  /** DSSE envelope over an in-toto statement. */
  envelope: z.object({
    payloadType: z.string(),
    payload: z.string(),
    signatures: z.array(z.object({ keyid: z.string(), sig: z.string() })),
  }),
});
export type SignatureView = z.output<typeof signatureSchema>;
export const signaturesSchema = z.object({ items: z.array(signatureSchema) });
