/**
 * Lines of a schedule: five fields (minute, hour, day of month, month, day of week) as in POSIX crontab, in UTC. Each
 * is `*`, a value, a range `1-5`, or a list of these, with steps after `*` or a range (`*\/5`, `8-18/2`); months and
 * weekdays may be named (`JAN`, `MON`), and Sunday is 0 or 7. Where both days are restricted, either will do.
 */
export function isCronLine(line: string): boolean {
  if (line.length > maxLength) return false;
  const parts = line.split(' ');
  return (
    parts.length === fields.length &&
    fields.every((field, index) => (parts[index] ?? '').split(',').every((item) => isItem(item, field)))
  );
}

const maxLength = 200;

interface Field {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

const fields: readonly Field[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: months },
  { min: 0, max: 7, names: weekdays },
];

function isItem(item: string, field: Field): boolean {
  const [span = '', step, ...rest] = item.split('/');
  if (rest.length > 0) return false;
  const [from = '', to, ...more] = span.split('-');
  if (more.length > 0) return false;
  const isRange = span === '*' || to !== undefined;
  if (step !== undefined && !(isRange && isStep(step, field))) return false;
  if (span === '*') return true;
  const first = valueOf(from, field);
  const last = to === undefined ? first : valueOf(to, field);
  return first !== undefined && last !== undefined && first <= last;
}

function isStep(step: string, { max }: Field): boolean {
  return /^\d{1,2}$/.test(step) && Number(step) >= 1 && Number(step) <= max;
}

function valueOf(text: string, { min, max, names }: Field): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  if (named >= 0) return named + min;
  if (!/^\d{1,2}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
