/** The parts of a source map (ECMA-426) that positions are found by. */
export interface SourceMap {
  readonly sources: readonly string[];
  readonly mappings: string;
}

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1, as stack traces count. */
  readonly column: number;
}

export interface OriginalPosition extends Position {
  readonly source: string;
}

/** Longer ones are not read: a scan takes some 10 ms for each million characters. */
export const maxMapChars = 4 * 1024 * 1024;
const maxMappingChars = 1024 * 1024;
const maxSources = 10_000;
const maxSourceChars = 200;

/** Undefined for what is no plain source map, or too large to be read in passing. */
export function parseSourceMap(json: string): SourceMap | undefined {
  if (json.length > maxMapChars) return undefined;
  try {
    const { version, sources, mappings } = JSON.parse(json) as Record<string, unknown>;
    if (version !== 3 || typeof mappings !== 'string' || mappings.length > maxMappingChars) return undefined;
    if (!Array.isArray(sources) || sources.length > maxSources) return undefined;
    return { sources: sources.map(shown), mappings };
  } catch {
    return undefined;
  }
}

/** A name to read, never opened: without what leads out of the source folder. */
function shown(source: unknown): string {
  if (typeof source !== 'string') return '';
  return source
    .slice(0, maxSourceChars)
    .replace(/^[a-z]+:\/\/+/i, '')
    .replace(/^(?:\.{0,2}\/)+/, '');
}

interface Wanted {
  readonly index: number;
  readonly line: number;
  readonly column: number;
}

/**
 * Where positions of the generated code come from; undefined where the map does not say. One pass over the mappings,
 * however many positions are asked for, without memory that grows with the map: it is the work of a stranger.
 */
export function originalPositions(
  { sources, mappings }: SourceMap,
  positions: readonly Position[],
): (OriginalPosition | undefined)[] {
  const found: (OriginalPosition | undefined)[] = positions.map(() => undefined);
  const wanted = positions
    .map(({ line, column }, index): Wanted => ({ index, line: line - 1, column: column - 1 }))
    .toSorted((a, b) => a.line - b.line);
  const lastLine = wanted.at(-1)?.line ?? -1;
  const cursor = new Cursor(mappings);
  let at = 0;
  while (!cursor.isAtEnd && cursor.line <= lastLine) {
    while (at < wanted.length && (wanted[at] as Wanted).line < cursor.line) at += 1;
    if ((wanted[at] as Wanted).line > cursor.line) {
      cursor.passLine();
      continue;
    }
    cursor.readLine((column, source, line, originalColumn) => {
      for (let i = at; i < wanted.length && (wanted[i] as Wanted).line === cursor.line; i += 1) {
        const { index, column: asked } = wanted[i] as Wanted;
        const name = sources[source];
        if (column > asked || name === undefined || name === '') continue;
        found[index] = { source: name, line: line + 1, column: originalColumn + 1 };
      }
    });
  }
  return found;
}

const noDigit = 255;
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const digits = new Uint8Array(128).fill(noDigit);
for (let value = 0; value < alphabet.length; value += 1) digits[alphabet.charCodeAt(value)] = value;
const semicolon = 59;
const comma = 44;
/** Five bits each: as many as a 32-bit number needs. */
const maxDigits = 7;

type OnSegment = (column: number, source: number, line: number, originalColumn: number) => void;

/** Reads mappings (ECMA-426 §9.2) from left to right. */
class Cursor {
  line = 0;
  private at = 0;
  private source = 0;
  private originalLine = 0;
  private originalColumn = 0;

  constructor(private readonly text: string) {}

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** Source, line and column go on from line to line: what is passed over is read all the same. */
  passLine(): void {
    this.readLine(undefined);
  }

  readLine(onSegment: OnSegment | undefined): void {
    let column = 0;
    while (!this.isAtEnd && this.text.charCodeAt(this.at) !== semicolon) {
      column += this.number();
      if (this.isNumber()) {
        this.source += this.number();
        this.originalLine += this.number();
        this.originalColumn += this.number();
        onSegment?.(column, this.source, this.originalLine, this.originalColumn);
      }
      // The index of a name, and whatever else is no part of a segment.
      while (!this.isAtEnd && !this.isSeparator()) this.at += 1;
      if (this.text.charCodeAt(this.at) === comma) this.at += 1;
    }
    this.at += 1;
    this.line += 1;
  }

  private isSeparator(): boolean {
    const code = this.text.charCodeAt(this.at);
    return code === comma || code === semicolon;
  }

  private isNumber(): boolean {
    return (digits[this.text.charCodeAt(this.at)] ?? noDigit) !== noDigit;
  }

  /** Base 64 VLQ; 0 where there is no number. */
  private number(): number {
    let value = 0;
    for (let count = 0; count < maxDigits && this.isNumber(); count += 1) {
      const digit = digits[this.text.charCodeAt(this.at)] as number;
      this.at += 1;
      value |= (digit & 31) << (5 * count);
      if ((digit & 32) === 0) break;
    }
    return (value & 1) === 1 ? -(value >>> 1) : value >>> 1;
  }
}
