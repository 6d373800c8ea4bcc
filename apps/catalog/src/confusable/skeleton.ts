/** What looks like something else, in small type or at a glance; pairs last, as `c1` looks like `cl` looks like `d`. */
const lookAlikes: readonly (readonly [RegExp, string])[] = [
  [/-/g, ''],
  [/0/g, 'o'],
  [/[1i]/g, 'l'],
  [/5/g, 's'],
  [/8/g, 'b'],
  [/rn/g, 'm'],
  [/vv/g, 'w'],
  [/cl/g, 'd'],
];

/**
 * What two names must not have in common unless they are one: letters and digits that look alike are made the same,
 * hyphens go. Names are lower-case ASCII, so these are all the look-alikes there are.
 */
export function skeletonOf(name: string): string {
  return lookAlikes.reduce((text, [pattern, by]) => text.replaceAll(pattern, by), name.toLowerCase());
}
