import { type Manifest, manifestMaxBytes, parseManifest, Problem } from '@proxylet/contract';
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';

/** JSON nested deeper than this has no honest use in a manifest and would break recursive readers. */
const maxDepth = 32;

/** Reads `proxylet.json` of an archive: plain JSON. @throws Problem `manifest-invalid` */
export function readManifestBytes(bytes: Uint8Array): Manifest {
  const text = decode(bytes);
  assertShallow(text);
  let input: unknown;
  try {
    input = JSON.parse(text, assertText);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw invalid(
      'The manifest in the archive is not JSON (comments are taken in proxylet.jsonc only).',
      error,
    );
  }
  return parseManifest(input);
}

/** Reads `proxylet.jsonc` of a source folder: comments and trailing commas are fine. @throws Problem `manifest-invalid` */
export function readManifestSource(text: string): Manifest {
  assertShallow(text);
  const errors: ParseError[] = [];
  const input: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined) {
    throw invalid(
      `The manifest has a syntax error at ${positionOf(text, first.offset)}: ${printParseErrorCode(first.error)}.`,
    );
  }
  return parseManifest(input);
}

/**
 * The form that goes into an archive: members in the order of the schema, two blanks of indent, a final newline.
 * `$schema` stays behind: it is an address on the author's machine.
 */
export function formatManifest(manifest: Manifest): string {
  const { $schema: _, ...rest } = manifest;
  return `${JSON.stringify(rest, undefined, 2)}\n`;
}

function decode(bytes: Uint8Array): string {
  if (bytes.byteLength > manifestMaxBytes)
    throw invalid(`The manifest is larger than ${manifestMaxBytes} bytes.`);
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw invalid('The manifest is not UTF-8 text.', error);
  }
}

/** Databases and other programs would not give back such text as it was. @throws Problem `manifest-invalid` */
function assertText(name: string, value: unknown): unknown {
  for (const text of [name, value]) {
    if (typeof text === 'string' && (!text.isWellFormed() || text.includes('\0')))
      throw invalid('The manifest has half a character (a lone surrogate) or a NUL in a text.');
  }
  return value;
}

/** Looks at brackets outside of strings only; wrong JSON is the parser's to refuse. */
function assertShallow(text: string): void {
  let depth = 0;
  for (const token of text.matchAll(/"(?:[^"\\\n]|\\.)*"|[[\]{}]/g)) {
    if (token[0] === '[' || token[0] === '{') depth += 1;
    if (token[0] === ']' || token[0] === '}') depth -= 1;
    if (depth > maxDepth) throw invalid(`The manifest is nested deeper than ${maxDepth} levels.`);
  }
}

function positionOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
}

function invalid(sentence: string, cause?: unknown): Problem {
  return new Problem('manifest-invalid', sentence, { cause });
}
