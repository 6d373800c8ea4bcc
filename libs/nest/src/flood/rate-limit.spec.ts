import { Problem } from '@proxylet/contract';
import { describe, expect, it, test } from 'vitest';
import { callerAddress, RateLimit } from './rate-limit.js';

const refusal = (work: () => void): Problem | undefined => {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
};

describe('a limit a minute', () => {
  it('takes so many at once, then says how long to wait, and fills again evenly', () => {
    let nowMs = 1000;
    const limit = new RateLimit({ perMinute: 3, nowMs: () => nowMs });
    for (let call = 0; call < 3; call += 1) limit.take('a');
    expect(refusal(() => limit.take('a'))).toMatchObject({
      code: 'too-many-requests',
      retryAfterSeconds: 20,
    });
    limit.take('b');
    nowMs += 20_000;
    limit.take('a');
    expect(refusal(() => limit.take('a'))?.retryAfterSeconds).toBe(20);
  });

  it('counts no refused call', () => {
    let nowMs = 0;
    const limit = new RateLimit({ perMinute: 1, nowMs: () => nowMs });
    limit.take('a');
    for (let call = 0; call < 100; call += 1) expect(refusal(() => limit.take('a'))).toBeDefined();
    nowMs += 60_000;
    limit.take('a');
  });

  it('keeps no more keys than it may, whoever calls', () => {
    const limit = new RateLimit({ perMinute: 1, maxKeys: 100, nowMs: () => 0 });
    for (let key = 0; key < 10_000; key += 1) limit.take(`k${key}`);
    expect(limit.size).toBeLessThanOrEqual(100);
    expect(refusal(() => limit.take('k9999'))).toBeDefined();
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:0:1:aaaa::1', '2001:db8:0:1'],
  ['2001:db8:0:1:bbbb:cccc:dddd:eeee', '2001:db8:0:1'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s counts as %s', (address, caller) => {
  expect(callerAddress(address)).toBe(caller);
});
