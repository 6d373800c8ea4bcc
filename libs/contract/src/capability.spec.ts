import { describe, expect, it } from 'vitest';
import { isCapabilityOffer, isCapabilityWant, offersCapability } from './capability.js';

describe('a capability', () => {
  it('is a name, with a range where it is asked for and a version where it is offered', () => {
    expect(['kv', 'device:camera', 'gpio@^2'].every(isCapabilityWant)).toBe(true);
    expect(['kv', 'gpio@2.1.0'].every(isCapabilityOffer)).toBe(true);
    expect(['', 'KV', 'a b', 'gpio@', 'gpio@nope', 'a::b', 'a'.repeat(200)].some(isCapabilityWant)).toBe(
      false,
    );
    expect(isCapabilityOffer('gpio@^2')).toBe(false);
  });

  it.each([
    ['kv', true],
    ['gpio', true],
    ['gpio@^2', true],
    ['gpio@^3', false],
    ['kv@^1', true],
    ['device', false],
    ['device:camera', true],
  ])('%s is met: %s', (want, isMet) => {
    expect(offersCapability(['kv', 'gpio@2.1.0', 'device:camera'], want)).toBe(isMet);
  });
});
