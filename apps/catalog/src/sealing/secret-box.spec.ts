import { randomBytes } from 'node:crypto';
import { assert, property, string } from 'fast-check';
import { expect, it } from 'vitest';
import { CannotOpen, SecretBox, sealedUnder } from './secret-box.js';

const key = () => randomBytes(32);

it('opens what it sealed, for the same place alone', () => {
  const box = new SecretBox([key()]);
  assert(
    property(string({ unit: 'binary' }), string(), string(), (text, place, other) => {
      const sealed = box.seal(text, place);
      expect(box.open(sealed, place)).toBe(text.toWellFormed());
      if (other !== place) expect(() => box.open(sealed, other)).toThrow(CannotOpen);
    }),
  );
});

it('opens nothing of which a character was changed', () => {
  const box = new SecretBox([key()]);
  const sealed = box.seal('whsec_abc', 'webhook 1');
  for (let at = 0; at < sealed.length; at += 1) {
    const altered = `${sealed.slice(0, at)}${sealed[at] === 'B' ? 'C' : 'B'}${sealed.slice(at + 1)}`;
    // The last character of base64 may hold bits that mean nothing.
    if (Buffer.from(altered.slice(24), 'base64url').equals(Buffer.from(sealed.slice(24), 'base64url'))) {
      if (altered.slice(0, 24) === sealed.slice(0, 24)) continue;
    }
    expect(() => box.open(altered, 'webhook 1')).toThrow(CannotOpen);
  }
  expect(() => box.open('whsec_abc', 'webhook 1')).toThrow(CannotOpen);
});

it('never seals twice alike, and says under which key', () => {
  const box = new SecretBox([key()]);
  const [first, second] = [box.seal('x', 'p'), box.seal('x', 'p')];
  expect(first).not.toBe(second);
  expect(sealedUnder(first)).toBe(box.keyId);
  expect(sealedUnder('whsec_x')).toBeUndefined();
});

it('opens under keys that were followed by another', () => {
  const [old, next] = [key(), key()];
  const sealed = new SecretBox([old]).seal('x', 'p');
  const both = new SecretBox([next, old]);
  expect(both.open(sealed, 'p')).toBe('x');
  expect(sealedUnder(both.seal('x', 'p'))).toBe(new SecretBox([next]).keyId);
  expect(() => new SecretBox([next]).open(sealed, 'p')).toThrow(CannotOpen);
  expect(() => new SecretBox([])).toThrow(RangeError);
});
