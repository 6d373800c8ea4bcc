import type { TokenSource } from '@proxylet/auth';
import { type Digest, Problem } from '@proxylet/contract';
import type { z } from 'zod';

export interface UpstreamOptions {
  readonly url: string;
  readonly tokens: TokenSource;
  /** Longest wait for an answer to begin, and for the next part of one. */
  readonly timeoutMs: number;
  readonly fetch?: typeof globalThis.fetch;
}

const jsonMaxBytes = 8 * 1024 * 1024;

/** The catalog that is mirrored. Its answers are input from outside: parsed, capped, and never followed elsewhere. */
export class UpstreamClient {
  constructor(private readonly options: UpstreamOptions) {}

  get url(): string {
    return this.options.url;
  }

  /**
   * Undefined where upstream has no such thing, or not for us.
   *
   * @param extraMs how much longer the answer may be held back
   * @throws Problem `upstream-unavailable`, `upstream-invalid`, `idm-unavailable`; `changes-gone` as upstream says it
   */
  async json<T>(path: string, schema: z.ZodType<T>, extraMs = 0): Promise<T | undefined> {
    const text = await this.text(path, 'application/json', extraMs);
    if (text === undefined) return undefined;
    const parsed = schema.safeParse(parse(text));
    if (parsed.success) return parsed.data;
    const at = parsed.error.issues[0]?.path.join('.') ?? '';
    throw senseless(`${path.split('?', 1)[0] ?? ''} is not as agreed${at === '' ? '' : ` at ${at}`}`);
  }

  /** As `json`, for plain text. */
  async text(path: string, accept: string, extraMs = 0): Promise<string | undefined> {
    const response = await this.get(path, accept, extraMs);
    const bytes: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.chunks(response)) {
      size += chunk.byteLength;
      if (size > jsonMaxBytes) throw senseless('an answer is too long');
      bytes.push(chunk);
    }
    const body = Buffer.concat(bytes).toString('utf8');
    if (response.status === 200) return body;
    if (response.status === 404) return undefined;
    throw refusalOf(response.status, body);
  }

  /** The bytes of an archive as they come, unchecked. @throws as `json`; `not-found` */
  async *blob(digest: Digest): AsyncGenerator<Buffer> {
    const response = await this.get(`/v1/blobs/${digest}`, 'application/gzip', 0);
    if (response.status !== 200) {
      await response.body?.cancel();
      throw refusalOf(response.status, '');
    }
    for await (const chunk of this.chunks(response)) yield Buffer.from(chunk);
  }

  /** A token may have been withdrawn before its time: one 401 is answered with a new one. */
  private async get(path: string, accept: string, extraMs: number, isRetry = false): Promise<Response> {
    const { url, tokens, timeoutMs, fetch = globalThis.fetch } = this.options;
    const token = await tokens.token();
    const begun = new AbortController();
    const timer = setTimeout(() => begun.abort(), timeoutMs + extraMs);
    let response: Response;
    try {
      response = await fetch(`${url}${path}`, {
        headers: { accept, authorization: `Bearer ${token}` },
        redirect: 'manual',
        signal: begun.signal,
      });
    } catch (error) {
      throw away(error);
    } finally {
      clearTimeout(timer);
    }
    if (response.status !== 401 || isRetry) return response;
    await response.body?.cancel();
    tokens.forget();
    return await this.get(path, accept, extraMs, true);
  }

  private async *chunks(response: Response): AsyncGenerator<Uint8Array> {
    if (response.body === null) return;
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await inTime(reader.read(), this.options.timeoutMs);
        if (done) return;
        yield value;
      }
    } catch (error) {
      throw away(error);
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }
}

async function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`nothing came for ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusalOf(status: number, body: string): Problem {
  const parsed = parse(body);
  const code = typeof parsed === 'object' && parsed !== null && 'code' in parsed ? parsed.code : undefined;
  if (code === 'changes-gone')
    return new Problem('changes-gone', 'The upstream catalog has another history.');
  if (status === 404) return new Problem('not-found', 'The upstream catalog has no such archive.');
  if (status >= 500 || status === 429) return away(new Error(`upstream answered ${status}`));
  return senseless(`it answers ${status}`);
}

export function senseless(reason: string): Problem {
  return new Problem('upstream-invalid', `The upstream catalog does not answer as agreed: ${reason}.`);
}

function away(cause: unknown): Problem {
  if (cause instanceof Problem) return cause;
  return new Problem('upstream-unavailable', 'The upstream catalog cannot be reached.', {
    retryAfterSeconds: 5,
    cause,
  });
}
