import { expect, it } from 'vitest';
import { culpritOf, markBytes } from './marks.js';

function marks(...slots: [key: number, sequence: number][]): Buffer {
  const bytes = Buffer.alloc(slots.length * markBytes);
  for (const [slot, [key, sequence]] of slots.entries()) {
    bytes.writeUInt32LE(key, slot * markBytes);
    bytes.writeUInt32LE(sequence, slot * markBytes + 4);
  }
  return bytes;
}

it('blames whoever has been on a thread of the pool for longest', () => {
  expect(culpritOf(marks([9, 8], [3, 7], [4, 5], [0, 1]))).toBe(4);
});

it('blames who was last on the own thread where the pool was empty', () => {
  expect(culpritOf(marks([9, 8], [0, 7]))).toBe(9);
});

it('blames nobody where nobody ran', () => {
  expect(culpritOf(Buffer.alloc(0))).toBe(0);
  expect(culpritOf(marks([0, 0]))).toBe(0);
});
