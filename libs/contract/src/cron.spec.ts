import { expect, test } from 'vitest';
import { isCronLine } from './cron.js';

test.each([
  '* * * * *',
  '*/5 * * * *',
  '0,30 8-18/2 1 JAN-mar MON-FRI',
  '59 23 31 12 7',
  '0 0 * * sun,3,5-6',
])('takes %s', (line) => expect(isCronLine(line)).toBe(true));

test.each([
  '',
  '* * * *',
  '* * * * * *',
  '60 * * * *',
  '* 24 * * *',
  '* * 0 * *',
  '* * * 13 *',
  '* * * * 8',
  '*/0 * * * *',
  '*/60 * * * *',
  '5/10 * * * *',
  '9-3 * * * *',
  '1-2-3 * * * *',
  '1,,2 * * * *',
  '* * L * *',
  '* * * * MON#2',
  '@hourly',
  '*  * * * *',
  'MON * * * *',
  `${'1,'.repeat(200)}1 * * * *`,
])('refuses %s', (line) => expect(isCronLine(line)).toBe(false));
