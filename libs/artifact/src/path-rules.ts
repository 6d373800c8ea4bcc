import type { ArchiveLimits } from './limits.js';
import { type ArchiveRule, entryRefused } from './refusal.js';

/** Device names of Windows, with or without an extension, in any case. */
const reservedOnWindows = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/iu;
/** Controls, formats (bidi overrides and zero widths among them), separators, lone surrogates, private use. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}\ufffd]/u;

export interface PathFault {
  /** Completes the sentence "The entry … ". */
  readonly why: string;
  readonly rule: ArchiveRule;
}

/**
 * Why a path may not stand in an archive; undefined where it may. The rules hold on every platform at once, so that
 * an archive means the same files everywhere.
 */
export function faultOfPath(path: string, limits: ArchiveLimits): PathFault | undefined {
  if (path === '') return fault('has no name', 'path-form');
  if (Buffer.byteLength(path) > limits.pathBytes)
    return fault(`has a path longer than ${limits.pathBytes} bytes`, 'path-length');
  if (invisible.test(path))
    return fault('has a control, invisible or unassigned character in its path', 'path-characters');
  if (path !== path.normalize('NFC'))
    return fault('has a path that is not in Unicode normal form C', 'path-characters');
  if (path.startsWith('/')) return fault('has an absolute path', 'path-absolute');
  if (path.includes('\\')) return fault('has a backslash in its path', 'path-traversal');
  if (/^[a-z]:/iu.test(path)) return fault('has a drive letter in its path', 'path-absolute');
  if (/[<>:"|?*]/u.test(path))
    return fault('has a character in its path that Windows forbids', 'path-characters');
  const segments = path.split('/');
  if (segments.length > limits.pathLevels)
    return fault(`lies deeper than ${limits.pathLevels} levels`, 'path-length');
  for (const segment of segments) {
    const found = faultOfSegment(segment);
    if (found !== undefined) return found;
  }
  return undefined;
}

function faultOfSegment(segment: string): PathFault | undefined {
  if (segment === '') return fault('has an empty part in its path', 'path-form');
  if (segment === '.' || segment === '..') return fault(`has ${segment} in its path`, 'path-traversal');
  if (segment.endsWith('.') || segment.endsWith(' ') || segment.startsWith(' ')) {
    return fault('has a part in its path that begins or ends with a blank or ends with a dot', 'path-form');
  }
  if (reservedOnWindows.test(segment))
    return fault('has a name in its path that Windows reserves', 'path-form');
  return undefined;
}

function fault(why: string, rule: ArchiveRule): PathFault {
  return { why, rule };
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
      throw entryRefused(
        entry,
        'differs from an earlier entry only by case or Unicode form',
        'path-collision',
      );
    } else if (isFile && earlier.isFile) {
      throw entryRefused(entry, 'is there twice', 'path-duplicate');
    } else if (isFile || earlier.isFile) {
      throw entryRefused(entry, 'is a file and a directory at once', 'path-collision');
    }
  }
}
