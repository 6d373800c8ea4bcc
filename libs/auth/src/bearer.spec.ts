import { Problem } from '@proxylet/contract';
import { expect, test } from 'vitest';
import { assertCompact, bearerText, tokenMaxLength } from './bearer.js';

function codeOf(header: string | undefined): string {
  try {
    const token = bearerText(header);
    assertCompact(token);
    return `token ${token}`;
  } catch (error) {
    return (error as Problem).code;
  }
}

test.each([
  ['Bearer a.b.c', 'token a.b.c'],
  ['bearer a.b.c', 'token a.b.c'],
  [undefined, 'no-credentials'],
  ['', 'no-credentials'],
  ['Bearer ', 'invalid-token'],
  ['Bearer  a.b.c', 'invalid-token'],
  ['Bearer a.b.c ', 'invalid-token'],
  ['Bearer a.b', 'invalid-token'],
  ['Bearer a..c', 'invalid-token'],
  ['Bearer a.b.c, Bearer d.e.f', 'invalid-token'],
  ['Basic YTpi', 'invalid-token'],
  ['a.b.c', 'invalid-token'],
  ['Bearer a.b.c=', 'invalid-token'],
  ['Bearer ä.b.c', 'invalid-token'],
  [`Bearer ${'a'.repeat(tokenMaxLength)}.b.c`, 'invalid-token'],
])('%j', (header, outcome) => {
  expect(codeOf(header)).toBe(outcome);
});

test('a hostile header of 16 KB costs next to nothing', () => {
  const hostile = [`Bearer ${' '.repeat(16_000)}x`, 'Bearer '.repeat(2300), `Bearer ${'a'.repeat(8000)}`];
  const startedAt = performance.now();
  for (let i = 0; i < 1000; i += 1) codeOf(hostile[i % 3]);
  expect(performance.now() - startedAt).toBeLessThan(500);
});
