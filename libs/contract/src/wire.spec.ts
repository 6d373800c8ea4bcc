import { describe, expect, it } from 'vitest';
import { resolveRequestSchema } from './wire.js';

function request(want: object, more: object = {}) {
  return resolveRequestSchema.safeParse({ engine: { runtimes: [] }, wants: [want], ...more });
}

describe('a request to resolve', () => {
  it('asks for a range or a channel, not for both', () => {
    expect(request({ proxylet: 'a/x' }).data?.wants).toEqual([{ proxylet: 'a/x', range: '*' }]);
    expect(request({ proxylet: 'a/x', channel: 'next' }).data?.wants).toEqual([
      { proxylet: 'a/x', channel: 'next' },
    ]);
    expect(request({ proxylet: 'a/x', channel: 'next', range: '^1' }).success).toBe(false);
    expect(request({ proxylet: 'a/x', channel: '1.x' }).success).toBe(false);
    expect(request({ service: 'a/x', channel: 'next' }).success).toBe(false);
  });

  it('may prefer what is installed', () => {
    expect(request({ proxylet: 'a/x' }, { prefer: 'installed' }).data?.prefer).toBe('installed');
    expect(request({ proxylet: 'a/x' }, { prefer: 'lowest' }).success).toBe(false);
  });
});
