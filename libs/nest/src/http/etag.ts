import { createHash } from 'node:crypto';
import { Problem } from '@proxylet/contract';

/** Strong entity tag over whatever makes up an object's version. */
export function etagOf(...parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return `"${hash.digest('base64url').slice(0, 27)}"`;
}

/** Whether an `If-None-Match` header names the tag, so that 304 is the answer (RFC 9110 §13.1.2, weak comparison). */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string): boolean {
  return ifNoneMatch !== undefined && names(ifNoneMatch, etag, (tag) => tag.replace(/^W\//, ''));
}

/**
 * @param ifMatch the `If-Match` header; absent means the caller asks for no check
 * @throws Problem `precondition-failed`
 */
export function assertIfMatch(ifMatch: string | undefined, etag: string): void {
  if (ifMatch === undefined || names(ifMatch, etag, (tag) => tag)) return;
  throw new Problem('precondition-failed', 'The object is no longer the one If-Match names; read it again.');
}

function names(header: string, etag: string, normal: (tag: string) => string): boolean {
  return header.split(',').some((one) => {
    const tag = one.trim();
    return tag === '*' || normal(tag) === normal(etag);
  });
}
