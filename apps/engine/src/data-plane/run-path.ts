/** What a path below `/run/` names, and what the proxylet sees of it. */
export interface RunPath {
  /** `namespace/name`, unchecked: whoever looks it up finds nothing under a name that is none. */
  readonly name: string;
  /** `/run/namespace/name`. */
  readonly prefix: string;
  /** Path and query as the proxylet sees them, always with a leading slash. */
  readonly target: string;
}

const run = '/run/';
const slash = 0x2f;
const question = 0x3f;

export function isRunPath(url: string): boolean {
  return url.startsWith(run);
}

/**
 * Splits `/run/acme/thumb/a?b=1` into `acme/thumb` and `/a?b=1`; undefined where one of the two parts is missing.
 * Works on the bytes as sent: no decoding and no dot segments, so there is one spelling of each name.
 */
export function parseRunPath(url: string): RunPath | undefined {
  const middle = endOfSegment(url, run.length);
  if (middle === run.length || url.charCodeAt(middle) !== slash) return undefined;
  const end = endOfSegment(url, middle + 1);
  if (end === middle + 1) return undefined;
  const rest = url.slice(end);
  return {
    name: url.slice(run.length, end),
    prefix: url.slice(0, end),
    target: rest === '' ? '/' : url.charCodeAt(end) === question ? `/${rest}` : rest,
  };
}

/** Where the segment that starts at `from` ends: at a slash, at the query, or at the end. */
function endOfSegment(url: string, from: number): number {
  let at = from;
  while (at < url.length) {
    const code = url.charCodeAt(at);
    if (code === slash || code === question) break;
    at += 1;
  }
  return at;
}
