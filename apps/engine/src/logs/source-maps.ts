import type { Digest } from '@proxylet/contract';
import { originalPositions, parseSourceMap, type Position, type SourceMap } from './source-map.js';

/** Of all maps in memory. */
const maxTotalChars = 8 * 1024 * 1024;
const maxMaps = 200;
/** Frames of one text; those below are left as they are. */
const maxFrames = 20;
/** Of each second, for all texts of all installations; beyond it they are left as they are. */
const maxBusyMs = 50;

/** Texts with stack traces, in the places of the source. A map is read when its version first fails. */
export class SourceMaps {
  private readonly maps = new Map<Digest, SourceMap | undefined>();
  private chars = 0;
  private second = 0;
  private busyMs = 0;

  constructor(
    /** JSON text of a version's map, undefined where it has none. */
    private readonly read: (digest: Digest) => Promise<string | undefined>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  isLoaded(digest: Digest): boolean {
    return this.maps.has(digest);
  }

  /** Never rejects: a version whose map cannot be read has none. */
  async load(digest: Digest): Promise<void> {
    const json = await this.read(digest).catch(() => undefined);
    if (this.maps.has(digest)) return;
    const map = json === undefined ? undefined : this.timed(() => parseSourceMap(json));
    this.maps.set(digest, map);
    this.chars += map?.mappings.length ?? 0;
    for (const [oldest, { mappings } = { mappings: '' }] of this.maps) {
      if (this.chars <= maxTotalChars && this.maps.size <= maxMaps) return;
      this.maps.delete(oldest);
      this.chars -= mappings.length;
    }
  }

  /**
   * @param filename name under which the sandbox knows the main module
   * @returns the text with frames of that module led back to its source, and without frames of the platform
   */
  translate(digest: Digest, filename: string, text: string): string {
    const lines = text.split('\n').filter((line) => !platformFrame.test(line));
    const map = this.maps.get(digest);
    if (map === undefined || this.isBusy()) return lines.join('\n');
    const frames = lines.flatMap((line, index) => frameOf(line, index, filename)).slice(0, maxFrames);
    const origins = this.timed(() => originalPositions(map, frames));
    for (const [at, { index, text: place }] of frames.entries()) {
      const origin = origins[at];
      if (origin === undefined) continue;
      const { source, line, column } = origin;
      lines[index] = (lines[index] ?? '').replace(place, () => `${source}:${line}:${column}`);
    }
    return lines.join('\n');
  }

  private isBusy(): boolean {
    const second = Math.floor(this.now() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.busyMs = 0;
    }
    return this.busyMs > maxBusyMs;
  }

  private timed<T>(work: () => T): T {
    const startMs = this.now();
    try {
      return work();
    } finally {
      this.busyMs += this.now() - startMs;
    }
  }
}

export function hasFrames(text: string): boolean {
  return text.includes('\n    at ');
}

/** Parts of the web API that runs in each isolate. A version's own files have its number in their path. */
const platformFrame = /^ {4}at .*file:\/\/\/proxylet\/[^@/]+\.js:\d/;

interface Frame extends Position {
  /** Of the line in the text. */
  readonly index: number;
  /** What stands for the position there. */
  readonly text: string;
}

function frameOf(line: string, index: number, filename: string): Frame[] {
  const start = line.indexOf(`file:///${filename}:`);
  if (start < 0 || !line.startsWith('    at ')) return [];
  const rest = line.slice(start + 'file:///:'.length + filename.length);
  const [place, at, column] = /^(\d{1,9}):(\d{1,9})/.exec(rest) ?? [];
  if (place === undefined) return [];
  return [{ index, line: Number(at), column: Number(column), text: `file:///${filename}:${place}` }];
}
