import { Problem } from '@proxylet/contract';
import type { GuestRequest } from '../types.js';

/** A call ended because of another guest's: nothing speaks against the same call on a fresh runner. */
export class BystanderLoss extends Problem {
  constructor(detail: string) {
    super('runner-lost', detail, { retryAfterSeconds: 1 });
  }
}

/** RFC 9110 §9.2.2. */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Whether the call may be made twice: its method says so and its body is still at hand. */
export function isReplayable({ method, body, signal }: GuestRequest): boolean {
  const hasBodyAtHand = body === undefined || body instanceof Uint8Array;
  return idempotentMethods.has(method) && hasBodyAtHand && !signal.aborted;
}
