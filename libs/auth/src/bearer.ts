import { Problem } from '@proxylet/contract';

/** Longest access token looked at, in characters. */
export const tokenMaxLength = 8192;

const compactForm = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const schemeLength = 'Bearer '.length;

/**
 * Takes whatever stands behind `Bearer` out of an `Authorization` header. The cost is linear and the length is bounded before
 * anything is looked at, because this runs ahead of any authentication.
 *
 * @throws Problem `no-credentials` where there is no header, `invalid-token` where it is of another form or too long
 */
export function bearerText(header: string | undefined): string {
  if (header === undefined || header === '') {
    throw new Problem('no-credentials', 'Send an access token as Authorization: Bearer <token>.');
  }
  assertBearable(header);
  if (header.slice(0, schemeLength).toLowerCase() !== 'bearer ') {
    throw new Problem('invalid-token', 'The Authorization header is not of the form Bearer <token>.');
  }
  return header.slice(schemeLength);
}

/** Bounds what is looked at. @throws Problem `invalid-token` */
export function assertBearable(header: string | undefined): void {
  if (header === undefined || header.length <= tokenMaxLength + schemeLength) return;
  throw new Problem('invalid-token', `The Authorization header is longer than ${tokenMaxLength} characters.`);
}

/** Whether this is three base64url parts without padding; both JWT libraries in use would take looser forms. */
export function isCompact(token: string): boolean {
  return token.length <= tokenMaxLength && compactForm.test(token);
}

/** @throws Problem `invalid-token` */
export function assertCompact(token: string): void {
  if (isCompact(token)) return;
  throw new Problem('invalid-token', 'The access token is not a signed JWT in compact form.');
}
