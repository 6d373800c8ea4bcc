import { expect, it } from 'vitest';
import type { Guest } from '../types.js';
import { Lanes } from './lanes.js';

const guest = (id: string, wasm = false): Guest =>
  ({ id, group: 'acme', bindings: { wasm } }) as unknown as Guest;

it('takes a heavy guest, and nobody else, to a second runner of its group for a while', () => {
  let nowMs = 0;
  const lanes = new Lanes(1000, () => nowMs);
  expect(lanes.laneOf(guest('a')).name).toBe('acme');
  expect(lanes.markHeavy('a')).toBe(true);
  expect(lanes.markHeavy('a')).toBe(false);
  expect(lanes.laneOf(guest('a'))).toEqual({ name: 'acme (heavy)', hasWasm: false, isHeavy: true });
  expect(lanes.laneOf(guest('b')).name).toBe('acme');
  nowMs = 1001;
  expect(lanes.laneOf(guest('a')).name).toBe('acme');
});

it('keeps runners with WebAssembly apart, heavy or not', () => {
  const lanes = new Lanes(1000, () => 0);
  lanes.markHeavy('a');
  expect(lanes.laneOf(guest('a', true)).name).toBe('wasm:acme (heavy)');
  expect(lanes.laneOf(guest('b', true)).name).toBe('wasm:acme');
});
