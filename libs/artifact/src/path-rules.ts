import type { ArchiveLimits } from './limits.js';
import { entryRefused } from './refusal.js';

/** Device names of Windows, with or without an extension, in any case. */
const reservedOnWindows = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/iu;
/** Controls, formats (bidi overrides and zero widths among them), separators, lone surrogates, private use. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\ufffd]/u;

/**
 * Why a path may not stand in an archive, completing "The entry … "; undefined where it may. The rules hold on
 * every platform at once, so that an archive means the same files everywhere.
 */
export function faultOfPath(path: string, limits: ArchiveLimits): string | undefined {
  if (path === '') return 'has no name';
  if (Buffer.byteLength(path) > limits.pathBytes) return `has a path longer than ${limits.pathBytes} bytes`;
  if (invisible.test(path)) return 'has a control, invisible or unassigned character in its path';
  if (path !== path.normalize('NFC')) return 'has a path that is not in Unicode normal form C';
  if (path.startsWith('/')) return 'has an absolute path';
  if (path.includes('\\')) return 'has a backslash in its path';
  if (/^[a-z]:/iu.test(path)) return 'has a drive letter in its path';
  if (/[<>:"|?*]/u.test(path)) return 'has a character in its path that Windows forbids';
  const segments = path.split('/');
  if (segments.length > limits.pathLevels) return `lies deeper than ${limits.pathLevels} levels`;
  for (const segment of segments) {
    const fault = faultOfSegment(segment);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOfSegment(segment: string): string | undefined {
  if (segment === '') return 'has an empty part in its path';
  if (segment === '.' || segment === '..') return `has ${segment} in its path`;
  if (segment.endsWith('.') || segment.endsWith(' ') || segment.startsWith(' ')) {
    return 'has a part in its path that begins or ends with a blank or ends with a dot';
  }
  if (reservedOnWindows.test(segment)) return 'has a name in its path that Windows reserves';
  return undefined;
}

/** What two paths have in common where a file system folds case or compatibility forms. */
export function foldPath(path: string): string {
  return path.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}

/** Remembers every path of one archive and refuses the second of a pair that some file system takes for one. */
export class PathBook {
  private readonly known = new Map<string, { readonly exact: string; readonly isFile: boolean }>();

  /** @throws Problem `archive-entry-refused` */
  add(path: string, isFile: boolean): void {
    const segments = path.split('/');
    for (let depth = 1; depth < segments.length; depth += 1) {
      this.claim(segments.slice(0, depth).join('/'), false, path);
    }
    this.claim(path, isFile, path);
  }

  private claim(path: string, isFile: boolean, entry: string): void {
    const key = foldPath(path);
    const earlier = this.known.get(key);
    if (earlier === undefined) {
      this.known.set(key, { exact: path, isFile });
    } else if (earlier.exact !== path) {
      throw entryRefused(entry, 'differs from an earlier entry only by case or Unicode form');
    } else if (isFile && earlier.isFile) {
      throw entryRefused(entry, 'is there twice');
    } else if (isFile || earlier.isFile) {
      throw entryRefused(entry, 'is a file and a directory at once');
    }
  }
}
