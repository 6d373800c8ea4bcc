import type { TokenSource } from '@proxylet/auth';
import { type Digest, type Lock, Problem, type ResolveRequest } from '@proxylet/contract';
import { Agent, type Dispatcher } from 'undici';
import { parseLock, refusalOf, senseless } from './catalog-answer.js';

export interface CatalogClientOptions {
  readonly url: string;
  readonly tokens: TokenSource;
  /** Largest archive this engine takes, bytes. */
  readonly maxArchiveBytes: number;
  /** Longest wait for an answer to begin, and for the next part of one. */
  readonly timeoutMs: number;
}

const jsonMaxBytes = 8 * 1024 * 1024;

/** The catalog as this engine sees it: it resolves wants and gives archives. Its answers are hostile input. */
export class CatalogClient implements AsyncDisposable {
  private readonly agent: Agent;

  constructor(private readonly options: CatalogClientOptions) {
    const { timeoutMs } = options;
    this.agent = new Agent({
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      connect: { timeout: Math.min(timeoutMs, 5000) },
    });
  }

  /** @throws Problem `unresolvable`, `not-found`, `catalog-unavailable`, `catalog-refused`, `catalog-answer-invalid`, `idm-unavailable` */
  async resolve(request: ResolveRequest): Promise<Lock> {
    const answer = await this.send('POST', '/v1/resolve', JSON.stringify(request));
    const body = await readJson(answer);
    if (answer.statusCode !== 200) throw refusal(answer, body);
    const wanted = request.wants.map((want) => ('proxylet' in want ? want.proxylet : want.service));
    return parseLock(body, wanted, this.options.maxArchiveBytes);
  }

  /**
   * The bytes of an archive as they come, unchecked; whoever takes them checks the digest.
   *
   * @throws Problem `catalog-unavailable` also when the transfer breaks off or stands still
   */
  async *download(digest: Digest): AsyncGenerator<Uint8Array> {
    const answer = await this.send('GET', `/v1/blobs/${digest}`);
    if (answer.statusCode !== 200) throw refusal(answer, await readJson(answer));
    try {
      yield* answer.body as AsyncIterable<Uint8Array>;
    } catch (error) {
      throw away('The catalog broke off the transfer of an archive.', error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.destroy();
  }

  /** A token may have been withdrawn before its time: one 401 is answered with a new one. */
  private async send(
    method: 'GET' | 'POST',
    path: string,
    body?: string,
    isRetry = false,
  ): Promise<Dispatcher.ResponseData> {
    const token = await this.options.tokens.token();
    const url = new URL(this.options.url);
    const answer = await this.agent
      .request({
        origin: url.origin,
        path: `${url.pathname.replace(/\/$/, '')}${path}`,
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json, application/gzip',
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body ?? null,
      })
      .catch((error: unknown) => {
        throw away('The catalog cannot be reached.', error);
      });
    if (answer.statusCode !== 401 || isRetry) return answer;
    await answer.body.dump();
    this.options.tokens.forget();
    return this.send(method, path, body, true);
  }
}

function refusal({ statusCode }: Dispatcher.ResponseData, body: unknown): Problem {
  if (statusCode >= 300 && statusCode < 400) {
    return senseless('it redirects to another place, which this engine does not follow');
  }
  return refusalOf(statusCode, body);
}

/** Undefined where the body is no JSON or too long. */
async function readJson(answer: Dispatcher.ResponseData): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const part of answer.body as AsyncIterable<Uint8Array>) {
      bytes += part.byteLength;
      if (bytes > jsonMaxBytes) return undefined;
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw away('The catalog broke off its answer.', error);
  }
}

function away(sentence: string, cause: unknown): Problem {
  return new Problem('catalog-unavailable', sentence, { retryAfterSeconds: 5, cause });
}
