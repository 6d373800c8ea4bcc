/** Text parts of frames that are more than one word. */

/**
 * What a guest may do by what is known of it: start on the runner's own thread, since it started quickly before; or
 * have its entries there as well.
 */
export type Trust = 'none' | 'start' | 'thread';

/** Text of a `load` frame, as JSON. */
export interface LoadMessage {
  readonly filename: string;
  readonly trust: Trust;
  /** Calls without a slow entry that it made in isolates before. */
  readonly credit: number;
  readonly memoryMb: number;
  readonly cpuMs: number;
  readonly timeoutMs: number;
  readonly bodyBytes: number;
  readonly kv: boolean;
  readonly topics?: boolean | undefined;
  readonly cache?: boolean | undefined;
  /** Members of `env` that stand for other proxylets. */
  readonly dependencies: readonly string[];
  readonly config: unknown;
  readonly secrets: Readonly<Record<string, string>>;
  readonly installation: { readonly name: string; readonly version: string };
}

/**
 * Head of a call: lines of method, URL, user as JSON, trace id, then header names and values in turn. No part can
 * hold a line feed: the URL and the headers come out of an HTTP parser, JSON escapes it.
 */
export function encodeCallHead(
  method: string,
  url: string,
  userJson: string,
  traceId: string,
  headers: readonly string[],
): string {
  const head = `${method}\n${url}\n${userJson}\n${traceId}`;
  return headers.length === 0 ? head : `${head}\n${headers.join('\n')}`;
}

/** Status of a response head, and its header names and values in turn; undefined when it is not one. */
export function decodeResponseHead(text: string): { status: number; headers: string[] } | undefined {
  const lines = text.split('\n');
  const status = Number(lines[0]);
  if (!Number.isInteger(status) || status < 200 || status > 599) return undefined;
  const headers = lines.slice(1);
  if (headers.length % 2 !== 0) return undefined;
  for (let index = 0; index < headers.length; index += 2) {
    if (!headerNamePattern.test(headers[index] ?? '') || headerValueRefused.test(headers[index + 1] ?? '')) {
      return undefined;
    }
  }
  return { status, headers };
}

/** RFC 9110 §5.6.2 token. */
const headerNamePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** Control characters but TAB, and what does not fit into one byte. */
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const headerValueRefused = /[^\t\u0020-\u007e\u0080-\u00ff]/;

/** Splits `first\nrest` at the first line feed. */
export function splitHead(text: string): [first: string, rest: string] {
  const at = text.indexOf('\n');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
