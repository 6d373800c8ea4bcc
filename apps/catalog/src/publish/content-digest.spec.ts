import { describe, expect, it } from 'vitest';
import { expectedDigest } from './content-digest.js';

const base64 = Buffer.alloc(32, 7).toString('base64');
const digest = `sha256:${'07'.repeat(32)}`;
const none = { contentDigest: undefined, reprDigest: undefined, digest: undefined };

describe('expectedDigest', () => {
  it.each([
    [{ ...none, contentDigest: `sha-256=:${base64}:` }],
    [{ ...none, contentDigest: `sha-512=:xx:, sha-256=:${base64}:` }],
    [{ ...none, reprDigest: `SHA-256=:${base64}:` }],
    [{ ...none, digest: `sha-256=${base64}` }],
    [
      {
        contentDigest: `sha-256=:${base64}:`,
        reprDigest: `sha-256=:${base64}:`,
        digest: `SHA-256=${base64}`,
      },
    ],
  ])('reads %j', (headers) => {
    expect(expectedDigest(headers)).toBe(digest);
  });

  it('is undefined without a SHA-256', () => {
    expect(expectedDigest(none)).toBeUndefined();
    expect(expectedDigest({ ...none, contentDigest: 'sha-512=:abc:' })).toBeUndefined();
  });

  it.each([
    [{ ...none, contentDigest: 'sha-256=:short:' }],
    [{ ...none, contentDigest: `sha-256=${base64}` }],
    [
      {
        ...none,
        contentDigest: `sha-256=:${base64}:`,
        digest: `sha-256=${Buffer.alloc(32).toString('base64')}`,
      },
    ],
  ])('refuses %j', (headers) => {
    expect(() => expectedDigest(headers)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
  });
});
