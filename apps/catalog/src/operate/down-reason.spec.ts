import { Problem } from '@proxylet/contract';
import { expect, it } from 'vitest';
import { downReason } from './down-reason.js';

const coded = (code: string, more: object = {}) =>
  Object.assign(new Error('secret at host'), { code, ...more });

it.each([
  [coded('ECONNREFUSED'), 'PostgreSQL: nobody listens at its address (ECONNREFUSED)'],
  [coded('28P01'), 'PostgreSQL: it refuses the credentials (28P01)'],
  [coded('3D000'), 'PostgreSQL: there is no such database (3D000)'],
  [coded('57P01'), 'PostgreSQL: it is starting or stopping (57P01)'],
  [coded('42P01'), 'PostgreSQL failed (42P01)'],
  [coded('SQLITE_IOERR_WRITE'), 'PostgreSQL: its disk fails (SQLITE_IOERR_WRITE)'],
  [new Error('Connection terminated by hunter2'), 'PostgreSQL does not answer as it should'],
  ['hunter2', 'PostgreSQL does not answer as it should'],
])('%s: %s', (error, sentence) => {
  expect(downReason('PostgreSQL', error)).toBe(sentence);
});

it('looks through problems, drivers and attempts at several addresses for what the system said', () => {
  const attempts = new AggregateError([coded('ETIMEDOUT'), coded('ENETUNREACH')]);
  const driver = Object.assign(new Error('query failed'), { driverError: attempts });
  const problem = new Problem('storage-unavailable', 'not now', { cause: driver });
  expect(downReason('The store', problem)).toBe('The store: it cannot be reached (ETIMEDOUT)');
  expect(downReason('The store', new Problem('storage-unavailable', 'not now'))).toBe(
    'The store does not answer as it should',
  );
});

it('never quotes what an error says', () => {
  const error = coded('drop table; --', { cause: coded('user:password@host') });
  expect(downReason('PostgreSQL', error)).toBe('PostgreSQL does not answer as it should');
});
