import { expect, it } from 'vitest';
import { Trusted } from './trusted.js';

it('keeps what a guest has earned from isolate to isolate', () => {
  const trusted = new Trusted();
  expect(trusted.of('a')).toEqual({ trust: 'none', credit: 0 });
  trusted.set('a', 'start');
  trusted.credit('a', 7);
  expect(trusted.of('a')).toEqual({ trust: 'start', credit: 7 });
  trusted.set('a', 'thread');
  expect(trusted.of('a').trust).toBe('thread');
  expect(trusted.of('b').trust).toBe('none');
});

it('forgets all of it by one breach, and what no runner should say', () => {
  const trusted = new Trusted();
  for (const text of ['none', 'everything']) {
    trusted.set('a', 'thread');
    trusted.set('a', text);
    expect(trusted.of('a')).toEqual({ trust: 'none', credit: 0 });
  }
  trusted.credit('a', 1000);
  expect(trusted.of('a').credit).toBe(0);
});
