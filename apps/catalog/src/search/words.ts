/** Longest word that is kept, in characters; longer ones are cut on both sides alike. */
export const wordMaxLength = 40;

/**
 * Words of a text: letters and digits of any script, lower-case, without accents and in one form of several that look
 * the same. Nothing else gets through, so a word is safe in every database and means nothing to any query language.
 */
export function wordsOf(text: string): string[] {
  const plain = text
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFD')
    .replaceAll(/\p{M}+/gu, '')
    .normalize('NFC');
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.slice(0, wordMaxLength));
}

/** Mistakes forgiven in a word of this length. */
export function forgivenTypos(length: number): 0 | 1 | 2 {
  if (length < 4) return 0;
  return length < 8 ? 1 : 2;
}

/** Characters at a word's beginning in which typos are looked for through variants; those behind are compared. */
const variantPrefix = 7;

/**
 * What is left of a word when up to `typos` characters are lost, of its first seven. Two words within that many typos
 * of each other have one of these in common, so that near words are found by equality. At most 29.
 */
export function variantsOf(word: string, typos: number): Set<string> {
  const variants = new Set([word.slice(0, variantPrefix)]);
  let last = [...variants];
  for (let round = 0; round < typos; round += 1) {
    const next: string[] = [];
    for (const text of last) {
      for (let at = 0; at < text.length; at += 1) {
        const shorter = text.slice(0, at) + text.slice(at + 1);
        if (variants.has(shorter)) continue;
        variants.add(shorter);
        next.push(shorter);
      }
    }
    last = next;
  }
  return variants;
}

/** Typos a word of an index must be reachable by: also a longer query with more forgiven may mean it. */
export function indexedTypos(length: number): 0 | 1 | 2 {
  if (length < 3) return 0;
  return length < 6 ? 1 : 2;
}

/** FNV-1a over UTF-16 units as a signed 32-bit number. Equal hashes of different texts do no harm: words are compared. */
export function hashOf(text: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01_00_01_93);
  return hash | 0;
}

/**
 * Typos between two words: characters lost, added, changed, or two neighbours swapped.
 *
 * @param most further apart than this is told as `most + 1`
 */
export function typosBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const next = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(last, column - 1) + (isSame ? 0 : 1),
        at(last, column) + 1,
        at(next, column - 1) + 1,
      );
      const isSwap =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] && !isSame;
      if (isSwap) cost = Math.min(cost, at(before, column - 2) + 1);
      next.push(cost);
    }
    if (Math.min(...next) > most) return most + 1;
    before = last;
    last = next;
  }
  return Math.min(at(last, b.length), most + 1);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
