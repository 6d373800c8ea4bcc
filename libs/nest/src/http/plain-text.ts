interface Place {
  readonly value: unknown;
  readonly pointer: string;
}

/**
 * Where in some JSON there is text that not every database and not every reader takes: with a NUL, or with half of a
 * surrogate pair. Also looks at the names of members. However deep it is, this does not recurse.
 *
 * @returns a JSON pointer, `''` for the value itself; undefined where all is plain
 */
export function findUnfitText(root: unknown): string | undefined {
  const places: Place[] = [{ value: root, pointer: '' }];
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const { value, pointer } = place;
    if (typeof value === 'string' && !isPlainText(value)) return pointer;
    if (typeof value !== 'object' || value === null) continue;
    for (const [key, one] of Object.entries(value)) {
      if (!isPlainText(key)) return pointer;
      places.push({ value: one, pointer: `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}` });
    }
  }
  return undefined;
}

function isPlainText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
