/**
 * Control characters but tab and line feed, separators that some viewers take for lines, and marks that turn the
 * direction of what follows: a terminal or a page that shows a log must not obey the text in it.
 */
const unsafe =
  // oxlint-disable-next-line no-control-regex, no-misleading-character-class -- these characters are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** The text with such characters written out, e.g. `\x1b`. */
export function cleanText(text: string): string {
  return text.replaceAll(unsafe, (found) => {
    const code = found.charCodeAt(0);
    return code < 256
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
