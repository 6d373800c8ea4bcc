import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Frame, FrameReader, FrameWriter, toEngine, toRunner } from './frames.js';

interface Sent {
  type: number;
  id: number;
  arg: number;
  text: string;
  bytes: Uint8Array;
}

const frames = fc.array(
  fc.record({
    type: fc.integer({ min: 0, max: 255 }),
    id: fc.integer({ min: 0, max: 0xffff_ffff }),
    arg: fc.integer({ min: 0, max: 0xffff_ffff }),
    text: fc.string({ unit: 'grapheme', maxLength: 200 }),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.integer({ min: 4000, max: 30_000 }).map((length) => new Uint8Array(length).fill(length)),
    ),
  }),
  { maxLength: 20 },
);

function plain({ type, id, arg, text, bytes }: Sent): unknown[] {
  return [type, id, arg, text, Buffer.from(bytes).toString('latin1')];
}

function encode(sent: readonly Sent[]): Buffer {
  const parts: Uint8Array[] = [];
  const writer = new FrameWriter((more) => parts.push(...more));
  for (const { type, id, arg, text, bytes } of sent) writer.frame(type, id, arg, text, bytes);
  writer.flush();
  return Buffer.concat(parts);
}

function decode(data: Buffer, cuts: readonly number[]): Frame[] {
  const received: Frame[] = [];
  const reader = new FrameReader((frame) => received.push(frame));
  let from = 0;
  for (const cut of [...cuts, data.length].toSorted((a, b) => a - b)) {
    const to = Math.min(Math.max(cut, from), data.length);
    reader.push(data.subarray(from, to));
    from = to;
  }
  return received;
}

describe('frames', () => {
  it('arrive as they were sent, however the stream is cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(70_000), { maxLength: 30 }), (sent, cuts) => {
        const received = decode(encode(sent), cuts);
        expect(received.map(plain)).toEqual(sent.map(plain));
      }),
      { numRuns: 200 },
    );
  });

  it('arrive when every byte comes alone', () => {
    const sent = [{ type: 3, id: 7, arg: 9, text: 'GET /ä', bytes: new Uint8Array([1, 2, 3]) }];
    const data = encode(sent);
    const received = decode(
      data,
      Array.from({ length: data.length }, (_, index) => index),
    );
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({ type: 3, id: 7, arg: 9, text: 'GET /ä' });
  });

  it('refuse a length beyond the cap before the bytes are kept', () => {
    const reader = new FrameReader(() => undefined, 1024);
    const data = Buffer.alloc(8);
    data.writeUInt32LE(0xffff_ffff, 0);
    expect(() => reader.push(data)).toThrow(RangeError);
  });

  it('refuse a text longer than its frame', () => {
    const data = encode([{ type: 1, id: 1, arg: 0, text: 'abc', bytes: new Uint8Array() }]);
    data.writeUInt32LE(1000, 13);
    expect(() => new FrameReader(() => undefined).push(data)).toThrow(RangeError);
  });

  it('never crash on noise with anything but RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        try {
          new FrameReader(() => undefined).push(Buffer.from(noise));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

it('gives each kind of frame a number of its own', () => {
  for (const kinds of [toRunner, toEngine]) {
    const numbers = Object.values(kinds);
    expect(new Set(numbers).size).toBe(numbers.length);
  }
});
