import { createHash } from 'node:crypto';
import { Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { findAnswer, insertAnswer } from './publish-sql.js';

const keyForm = /^[\x21-\x7e]{1,255}$/;

/** What an `Idempotency-Key` stands for: one caller's one request. */
export interface IdempotentRequest {
  readonly principal: string;
  readonly key: string;
  readonly fingerprint: string;
}

/** @throws Problem `invalid-request` for a key that is none */
export function idempotentRequest(
  principal: string,
  key: string | undefined,
  ...parts: readonly string[]
): IdempotentRequest | undefined {
  if (key === undefined) return undefined;
  if (!keyForm.test(key)) {
    throw new Problem('invalid-request', 'An Idempotency-Key has 1 to 255 visible ASCII characters.', {
      errors: [{ pointer: '/headers/idempotency-key', detail: 'must be 1 to 255 visible ASCII characters' }],
    });
  }
  return { principal, key, fingerprint: createHash('sha256').update(parts.join('\n')).digest('hex') };
}

/**
 * Whether this very request was answered before.
 *
 * @throws Problem `idempotency-key-reused` where the key was used for another request
 */
export async function wasAnswered(
  manager: EntityManager,
  request: IdempotentRequest | undefined,
): Promise<boolean> {
  if (request === undefined) return false;
  const { principal, key, fingerprint } = request;
  const [row] = await findAnswer(manager, [principal, key]);
  if (row === undefined) return false;
  if (row.fingerprint === fingerprint) return true;
  throw new Problem(
    'idempotency-key-reused',
    'This Idempotency-Key was used for another request in the last 24 hours.',
  );
}

/** Notes an answer inside the transaction of what it tells. The clean-up forgets it after a day. */
export async function noteAnswer(
  manager: EntityManager,
  request: IdempotentRequest | undefined,
  at: string,
): Promise<void> {
  if (request === undefined) return;
  const { principal, key, fingerprint } = request;
  await insertAnswer(manager, [principal, key, fingerprint, at]);
}
