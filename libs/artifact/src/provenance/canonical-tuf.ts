/** What a signed document may hold: no fractions, so that every reader writes it the same. */
export type Signable =
  | null
  | boolean
  | number
  | string
  | readonly Signable[]
  | { readonly [member: string]: Signable | undefined };

/**
 * Canonical JSON as TUF signs it: members sorted by code unit, no white space, and in strings only quotes and
 * backslashes escaped (TUF 1.0 §4.2.1; OLPC canonical JSON). Members that are undefined are left out.
 *
 * @throws RangeError for a number that is not a whole one, and for a lone surrogate
 */
export function canonicalTuf(value: Signable): string {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return String(value);
    throw new RangeError('only whole numbers can be signed');
  }
  if (value === null || typeof value === 'boolean') return String(value);
  if (isList(value)) return `[${value.map(canonicalTuf).join(',')}]`;
  const members = Object.keys(value)
    .toSorted()
    .flatMap((name) => {
      const member = value[name];
      return member === undefined ? [] : [`${text(name)}:${canonicalTuf(member)}`];
    });
  return `{${members.join(',')}}`;
}

function isList(value: object): value is readonly Signable[] {
  return Array.isArray(value);
}

function text(value: string): string {
  if (!value.isWellFormed()) throw new RangeError('a lone surrogate is not text');
  return `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}
