import type { KeyObject } from 'node:crypto';
import { type Digest, Problem } from '@proxylet/contract';
import { z } from 'zod';
import { type Envelope, signEnvelope, verifyEnvelope } from './dsse.js';
import type { PublicKey } from './keys.js';

export const statementPayloadType = 'application/vnd.in-toto+json';
const statementType = 'https://in-toto.io/Statement/v1';
export const publicationPredicate = 'urn:proxylet:publication:v1';

/** in-toto Statement v1 about one archive: this publisher means it to be this version. */
const statementSchema = z.object({
  _type: z.literal(statementType),
  subject: z
    .array(
      z.object({
        name: z.string().max(300),
        digest: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
      }),
    )
    .length(1),
  predicateType: z.literal(publicationPredicate),
  predicate: z.record(z.string(), z.unknown()).optional(),
});

/** One version and the bytes it stands for. */
export interface Publication {
  /** `namespace/name` */
  readonly name: string;
  readonly version: string;
  readonly digest: Digest;
}

/** Package URL of a version: what the signature is about, so that it fits no other name or number. */
export function subjectOf({ name, version }: Pick<Publication, 'name' | 'version'>): string {
  return `pkg:proxylet/${name}@${encodeURIComponent(version)}`;
}

export function signPublication(publication: Publication, key: KeyObject): Envelope {
  const statement = {
    _type: statementType,
    subject: [
      { name: subjectOf(publication), digest: { sha256: publication.digest.slice('sha256:'.length) } },
    ],
    predicateType: publicationPredicate,
    predicate: {},
  };
  return signEnvelope(statementPayloadType, Buffer.from(JSON.stringify(statement)), [key]);
}

/**
 * Whether one of these keys signed that this version is these bytes.
 *
 * @param keys of the namespace, by id, without those that were revoked
 * @returns ids of the keys that signed
 * @throws Problem `signature-invalid`
 */
export function verifyPublication(
  envelope: Envelope,
  publication: Publication,
  keys: ReadonlyMap<string, PublicKey>,
): readonly string[] {
  const { payload, keyIds } = verifyEnvelope(envelope, statementPayloadType, keys);
  const parsed = statementSchema.safeParse(jsonOf(payload));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const at = issue?.path.map(String).join('/') ?? '';
    throw new Problem(
      'signature-invalid',
      `What was signed is no in-toto statement of a publication: /${at} ${issue?.message ?? ''}.`,
    );
  }
  const [subject] = parsed.data.subject;
  const wanted = subjectOf(publication);
  if (subject?.name !== wanted)
    throw new Problem('signature-invalid', `The signature is for another version than ${wanted}.`);
  if (`sha256:${subject.digest.sha256}` !== publication.digest) {
    throw new Problem('signature-invalid', `The signature is for other bytes than ${publication.digest}.`);
  }
  return keyIds;
}

function jsonOf(payload: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  } catch {
    return undefined;
  }
}
