import { expect, test } from 'vitest';
import { createLog } from './log.js';

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  write(createLog({ name: 'test', level: 'debug', destination }));
  expect(lines).toHaveLength(1);
  return String(lines[0]);
}

const driverError = Object.assign(new Error('disk I/O error'), {
  code: 'SQLITE_IOERR',
  detail: 'Key (secret)=(whsec_abc) already exists.',
});
/** As TypeORM makes them. */
const failed = Object.assign(new Error('insert failed', { cause: driverError }), {
  query: 'INSERT INTO webhook VALUES ($1)',
  parameters: ['whsec_abc'],
  driverError,
});

test.each<[string, unknown]>([
  ['alone', failed],
  ['as the cause of another', new Error('on our side', { cause: failed })],
  ['among several', new AggregateError([failed], 'both')],
  ['beside fields', { err: failed }],
])('an error of the database, %s, is logged without the values of its statement', (_case, what) => {
  const line = logged((log) => log.error(what, 'request failed'));
  expect(line).not.toContain('whsec_abc');
  expect(line).toContain('SQLITE_IOERR');
  expect(line).toContain('insert failed');
});

test('what is thrown that is no error is not logged as it is', () => {
  expect(logged((log) => log.error({ err: { token: 'pxl_abc' } }, 'x'))).not.toContain('pxl_abc');
});

test('errors that cause each other end somewhere', () => {
  const loop = new Error('round');
  loop.cause = new Error('and round', { cause: loop });
  expect(logged((log) => log.error({ err: loop }, 'x')).length).toBeLessThan(20_000);
});

test('fields that are named as credentials are not logged', () => {
  const line = logged((log) => log.info({ token: 'abc-1', headers: { authorization: 'abc-2' } }, 'x'));
  expect(line).not.toMatch(/abc-/);
});
