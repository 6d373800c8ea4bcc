import { confineSetCookie } from './cookies.js';

/** Never taken from a guest: what belongs to the connection, or speaks for the whole host or its CORS policy. */
const withheld = new Set([
  'alt-svc',
  'clear-site-data',
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'nel',
  'origin-agent-cluster',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'public-key-pins',
  'report-to',
  'reporting-endpoints',
  'server',
  'service-worker-allowed',
  'strict-transport-security',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-content-type-options',
]);

/** Documents of these types run no script in the page's origin; everything else is shown in a sandbox. */
const inertTypes = new Set([
  'application/gzip',
  'application/json',
  'application/ld+json',
  'application/octet-stream',
  'application/pdf',
  'application/problem+json',
  'application/x-ndjson',
  'image/avif',
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/webp',
  'text/css',
  'text/csv',
  'text/event-stream',
  'text/plain',
]);

export interface ResponseHeadersInput {
  /** Names and values in turn, as the guest gave them. */
  readonly guest: readonly string[];
  /** `/run/namespace/name`: the only path its cookies are for. */
  readonly prefix: string;
  /** Known length of the body, bytes; undefined for a stream or no body. */
  readonly bodyBytes: number | undefined;
  /** Whether the guest's own `Content-Length` stands: an answer to HEAD, where no body contradicts it. */
  readonly keepsLength: boolean;
}

/** The headers of the answer, names and values in turn, as `writeHead` of `node:http` takes them. */
export function answerHeaders({ guest, prefix, bodyBytes, keepsLength }: ResponseHeadersInput): string[] {
  const out: string[] = [];
  let isInert = false;
  for (let i = 0; i + 1 < guest.length; i += 2) {
    const name = (guest[i] as string).toLowerCase();
    const value = guest[i + 1] as string;
    if (withheld.has(name) && !(keepsLength && name === 'content-length')) continue;
    if (name.startsWith('access-control-')) continue;
    if (name === 'set-cookie') {
      const confined = confineSetCookie(value, prefix);
      if (confined !== undefined) out.push(name, confined);
      continue;
    }
    if (name === 'content-type') isInert = isInertType(value);
    out.push(name, value);
  }
  // A policy of the guest's own stays beside this one: browsers enforce both.
  if (!isInert) out.push('content-security-policy', 'sandbox');
  out.push('x-content-type-options', 'nosniff');
  if (bodyBytes !== undefined) out.push('content-length', String(bodyBytes));
  return out;
}

function isInertType(contentType: string): boolean {
  const end = contentType.indexOf(';');
  const bare = end < 0 ? contentType : contentType.slice(0, end);
  return inertTypes.has(bare) || inertTypes.has(bare.trim().toLowerCase());
}
