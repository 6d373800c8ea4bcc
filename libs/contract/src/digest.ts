/** `sha256:` and 64 lower-case hex digits: the identity of an artifact's bytes. */
export const digestPattern = /^sha256:[0-9a-f]{64}$/;

export type Digest = `sha256:${string}`;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && digestPattern.test(value);
}
