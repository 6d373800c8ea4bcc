import { expect, it } from 'vitest';
import { prefersProxy } from './delivery.js';

it.each(['delivery=proxy', 'respond-async, delivery=proxy', 'Delivery = "proxy"; x=1', 'a=b,delivery=proxy'])(
  'takes %j as a wish for the bytes themselves',
  (prefer) => {
    expect(prefersProxy(prefer)).toBe(true);
  },
);

it.each([undefined, '', 'delivery=redirect', 'nodelivery=proxy', 'delivery=proxyish'])('not %j', (prefer) => {
  expect(prefersProxy(prefer)).toBe(false);
});
