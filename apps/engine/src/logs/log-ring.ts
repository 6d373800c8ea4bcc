import type { GuestLogEntry } from '@proxylet/sandbox';
import { cleanText } from './clean-text.js';

export interface LogLine {
  /** Counts up within an installation from 1; never given twice while the engine runs. */
  readonly sequence: number;
  readonly atMs: number;
  readonly level: GuestLogEntry['level'];
  readonly text: string;
  readonly traceId: string | undefined;
  readonly version: string;
}

/** What a reader that comes back gets: the lines since, and how many of them are no longer there. */
export interface LogReplay {
  readonly lines: readonly LogLine[];
  readonly missed: number;
}

export interface LogRingLimits {
  readonly lines: number;
  /** Characters of one line; the rest is cut and the cut is marked. */
  readonly lineChars: number;
  /** Characters of all lines together. */
  readonly totalChars: number;
}

export const defaultLogLimits: LogRingLimits = { lines: 1000, lineChars: 8192, totalChars: 256 * 1024 };

const levels = new Set<unknown>(['debug', 'info', 'warn', 'error']);

/** The last lines a guest logged, bounded in number and size. */
export class LogRing {
  private lines: LogLine[] = [];
  private chars = 0;
  private last = 0;
  private readonly readers = new Set<(line: LogLine) => void>();

  constructor(private readonly limits: LogRingLimits = defaultLogLimits) {}

  /** Entries are hostile input: each is cut to size and its level and time made sound. */
  add(entry: GuestLogEntry, version: string, nowMs: number): LogLine {
    this.last += 1;
    const line: LogLine = {
      sequence: this.last,
      atMs: Number.isFinite(entry.atMs) ? Math.min(entry.atMs, nowMs) : nowMs,
      level: levels.has(entry.level) ? entry.level : 'info',
      text: cleanText(this.cut(typeof entry.text === 'string' ? entry.text : '')),
      traceId: typeof entry.traceId === 'string' ? entry.traceId.slice(0, 32) : undefined,
      version,
    };
    this.lines.push(line);
    this.chars += line.text.length;
    this.shrink();
    for (const reader of this.readers) reader(line);
    return line;
  }

  latest(count: number): readonly LogLine[] {
    return count === 0 ? [] : this.lines.slice(-count);
  }

  /** Lines after the one numbered `sequence`. */
  since(sequence: number): LogReplay {
    const lines = this.lines.filter((line) => line.sequence > sequence);
    const first = lines[0]?.sequence ?? this.last + 1;
    return { lines, missed: Math.max(0, first - sequence - 1) };
  }

  /** Follows new lines until the answered function is called. */
  follow(reader: (line: LogLine) => void): () => void {
    this.readers.add(reader);
    return () => this.readers.delete(reader);
  }

  private cut(text: string): string {
    const { lineChars } = this.limits;
    return text.length <= lineChars ? text : `${text.slice(0, lineChars)}… (${text.length} characters)`;
  }

  /** Drops the oldest quarter at a time, so that a full ring costs nothing per line. */
  private shrink(): void {
    const { lines, totalChars } = this.limits;
    if (this.lines.length <= lines && this.chars <= totalChars) return;
    while (this.lines.length > lines * 0.75 || this.chars > totalChars * 0.75) {
      const drop = Math.max(1, Math.floor(this.lines.length / 4));
      for (const { text } of this.lines.slice(0, drop)) this.chars -= text.length;
      this.lines = this.lines.slice(drop);
    }
  }
}
