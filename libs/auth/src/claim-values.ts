/** Longest list of roles, scopes or tenants taken from one token; the rest is left out. */
const maxTexts = 500;

/**
 * Texts at paths of own members, put together: a string is split at blanks, a list gives its texts and the `name` of
 * its objects, a map gives its keys.
 */
export function textsAt(claims: object, paths: readonly (readonly string[])[]): string[] {
  const texts = paths.flatMap((path) => textsOf(valueAt(claims, path)));
  return [...new Set(texts)].slice(0, maxTexts);
}

function valueAt(claims: object, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const member of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, member)) return undefined;
    value = (value as Record<string, unknown>)[member];
  }
  return value;
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.split(' ').filter((text) => text !== '');
  if (Array.isArray(value)) return value.flatMap(textOf);
  return typeof value === 'object' && value !== null ? Object.keys(value) : [];
}

function textOf(item: unknown): string[] {
  if (typeof item === 'string') return [item];
  if (typeof item !== 'object' || item === null || !Object.hasOwn(item, 'name')) return [];
  const { name } = item as { name: unknown };
  return typeof name === 'string' ? [name] : [];
}
