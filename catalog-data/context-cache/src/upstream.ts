import type { Settings } from './settings.js';

/** What of a request changes a broker's answer, and is therefore passed on and part of the cache's key. */
const requestHeaders = ['accept', 'link', 'ngsild-tenant', 'fiware-service', 'fiware-servicepath'];

/** What of a broker's answer a client needs; the rest, cookies above all, stays here. */
const responseHeaders = ['content-type', 'link', 'ngsild-results-count', 'ngsild-tenant'];

/** Statuses of a gateway in front of the broker: the broker itself was not reached. */
const outage = new Set([502, 503, 504]);

export type HeaderPair = [name: string, value: string];

export interface Question {
  /** Path and query, as the client sent them. */
  readonly path: string;
  readonly headers: readonly HeaderPair[];
}

export interface Answer {
  readonly status: number;
  readonly headers: readonly HeaderPair[];
  readonly body: string;
}

/** Why the broker gave no answer, for the log and for the client that gets none. */
export interface Outage {
  readonly outage: string;
}

export function questionOf(request: Request): Question {
  const { pathname, search } = new URL(request.url);
  return { path: pathname + search, headers: pick(request.headers, requestHeaders) };
}

export async function ask(question: Question, settings: Settings): Promise<Answer | Outage> {
  const { broker, timeoutSeconds } = settings;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<Outage>((resolve) => {
    const outage = { outage: `no answer within ${timeoutSeconds} s` };
    timer = setTimeout(() => resolve(outage), timeoutSeconds * 1000);
  });
  try {
    return await Promise.race([late, load(broker + question.path, question.headers)]);
  } finally {
    clearTimeout(timer);
  }
}

async function load(url: string, headers: readonly HeaderPair[]): Promise<Answer | Outage> {
  try {
    // A redirect would lead away from the broker.
    const response = await fetch(url, { headers: [...headers], redirect: 'error' });
    const body = await response.text();
    if (outage.has(response.status)) return { outage: `status ${response.status}` };
    return { status: response.status, headers: pick(response.headers, responseHeaders), body };
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'fetch failed';
    return { outage: reason.replace(/\.$/, '') };
  }
}

function pick(headers: Headers, names: readonly string[]): HeaderPair[] {
  return names.flatMap((name): HeaderPair[] => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  });
}
