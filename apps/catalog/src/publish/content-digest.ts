import { type Digest, Problem } from '@proxylet/contract';

export interface DigestHeaders {
  /** RFC 9530. */
  readonly contentDigest: string | undefined;
  /** RFC 9530; the body is sent whole, so it means the same. */
  readonly reprDigest: string | undefined;
  /** RFC 3230, which RFC 9530 replaced; older clients send it. */
  readonly digest: string | undefined;
}

/**
 * The SHA-256 a client says its body has; undefined where it states none. Other algorithms are ignored, as the RFC
 * wants.
 *
 * @throws Problem `invalid-request` for a SHA-256 that is none, or two that differ
 */
export function expectedDigest({ contentDigest, reprDigest, digest }: DigestHeaders): Digest | undefined {
  const stated = [
    ...members(contentDigest, /^sha-256=:(.*):$/i),
    ...members(reprDigest, /^sha-256=:(.*):$/i),
    ...members(digest, /^sha-256=(.*)$/i),
  ];
  const [first] = stated;
  if (stated.some((other) => other !== first))
    throw invalid('The digest headers state two different digests.');
  return first;
}

function members(header: string | undefined, form: RegExp): Digest[] {
  return (header ?? '').split(',').flatMap((member) => {
    if (!/^\s*sha-256\s*=/i.test(member)) return [];
    const bytes = Buffer.from(form.exec(member.trim())?.[1] ?? '', 'base64');
    if (bytes.length !== 32)
      throw invalid('A digest header is not of the form sha-256=:<base64 of 32 bytes>:.');
    return [`sha256:${bytes.toString('hex')}` as const];
  });
}

function invalid(sentence: string): Problem {
  return new Problem('invalid-request', sentence, {
    errors: [{ pointer: '/headers/content-digest', detail: 'is not a SHA-256 of the body' }],
  });
}
