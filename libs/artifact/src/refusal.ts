import { Problem } from '@proxylet/contract';

/** Caller text in a sentence: bounded, and nothing in it can hide or turn the text around it. */
export function show(text: string): string {
  const visible = text.replaceAll(
    /[^\x20-\x7e\p{L}\p{N}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return `"${visible.length > 120 ? `${visible.slice(0, 120)}…` : visible}"`;
}

export function archiveInvalid(sentence: string, cause?: unknown): Problem {
  return new Problem('archive-invalid', sentence, { cause });
}

export function archiveTooLarge(sentence: string): Problem {
  return new Problem('archive-too-large', sentence);
}

/** `why` completes the sentence "The entry … <why>." */
export function entryRefused(path: string, why: string): Problem {
  return new Problem('archive-entry-refused', `The entry ${show(path)} ${why}.`);
}
