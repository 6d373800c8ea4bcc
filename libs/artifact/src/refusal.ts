import { Problem } from '@proxylet/contract';

/** Caller text in a sentence: bounded, and nothing in it can hide or turn the text around it. */
export function show(text: string): string {
  const visible = text.replaceAll(
    /[^\x20-\x7e\p{L}\p{N}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return `"${visible.length > 120 ? `${visible.slice(0, 120)}…` : visible}"`;
}

/** Which rule of archives was broken: member `rule` of the problem, stable as a code is. */
export type ArchiveRule =
  | 'gzip-form'
  | 'gzip-incomplete'
  | 'gzip-trailing-bytes'
  | 'gzip-checksum'
  | 'packed-size'
  | 'unpacked-size'
  | 'compression-ratio'
  | 'entry-count'
  | 'file-size'
  | 'tar-form'
  | 'tar-incomplete'
  | 'tar-trailing-bytes'
  | 'tar-ambiguous'
  | 'pax-header'
  | 'name-encoding'
  | 'link'
  | 'special-file'
  | 'path-form'
  | 'path-characters'
  | 'path-absolute'
  | 'path-traversal'
  | 'path-length'
  | 'path-duplicate'
  | 'path-collision'
  | 'manifest-order';

export function archiveInvalid(sentence: string, rule: ArchiveRule, cause?: unknown): Problem {
  return new Problem('archive-invalid', sentence, { cause, extra: { rule } });
}

export function archiveTooLarge(sentence: string, rule: ArchiveRule): Problem {
  return new Problem('archive-too-large', sentence, { extra: { rule } });
}

/** `why` completes the sentence "The entry … <why>." */
export function entryRefused(path: string, why: string, rule: ArchiveRule): Problem {
  return new Problem('archive-entry-refused', `The entry ${show(path)} ${why}.`, { extra: { rule } });
}
