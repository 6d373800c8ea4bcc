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
    const answer = await this.send('POST', '/v1/resolve', { body: JSON.stringify(request) });
    const body = await readJson(answer);
    if (answer.statusCode !== 200) throw refusal(answer, body);
    const wanted = request.wants.map((want) => ('proxylet' in want ? want.proxylet : want.service));
    return parseLock(body, wanted, this.options.maxArchiveBytes);
  }

  /**
   * The bytes of an archive as they come, unchecked; whoever takes them checks the digest. The catalog may send this
   * engine on to its store, which gets no token; a store that cannot be used is asked for no more, the catalog is.
   *
   * @throws Problem `catalog-unavailable` also when the transfer breaks off or stands still
   */
  async *download(digest: Digest): AsyncGenerator<Uint8Array> {
    const path = `/v1/blobs/${digest}`;
    let answer = await this.send('GET', path);
    if (answer.statusCode === 307) {
      const target = await redirectOf(answer, this.options.url);
      answer = (await this.fetchFrom(target)) ?? (await this.send('GET', path, { prefer: 'delivery=proxy' }));
    }
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

  /** Nothing of this engine's goes along: the address alone is the right to read. Undefined where that fails. */
  private async fetchFrom(target: URL): Promise<Dispatcher.ResponseData | undefined> {
    const { origin, pathname, search } = target;
    try {
      const answer = await this.agent.request({ origin, path: pathname + search, method: 'GET' });
      if (answer.statusCode === 200) return answer;
      await answer.body.dump();
    } catch {
      // The store is away, or out of this engine's reach.
    }
    return undefined;
  }

  /** A token may have been withdrawn before its time: one 401 is answered with a new one. */
  private async send(
    method: 'GET' | 'POST',
    path: string,
    content: { readonly body?: string; readonly prefer?: string } = {},
    isRetry = false,
  ): Promise<Dispatcher.ResponseData> {
    const { body, prefer } = content;
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
          ...(prefer === undefined ? {} : { prefer }),
        },
        body: body ?? null,
      })
      .catch((error: unknown) => {
        throw away('The catalog cannot be reached.', error);
      });
    if (answer.statusCode !== 401 || isRetry) return answer;
    await answer.body.dump();
    this.options.tokens.forget();
    return this.send(method, path, content, true);
  }
}

/** @throws Problem `catalog-answer-invalid` where it leads to no web address, or from https to http */
async function redirectOf(answer: Dispatcher.ResponseData, catalogUrl: string): Promise<URL> {
  await answer.body.dump();
  const { location } = answer.headers;
  const target = typeof location === 'string' && location.length <= 4096 ? URL.parse(location) : null;
  const isSecretEnough = target?.protocol === 'https:' || !catalogUrl.startsWith('https:');
  const isWeb = target?.protocol === 'https:' || target?.protocol === 'http:';
  if (target === null || !isWeb || !isSecretEnough || target.username !== '' || target.password !== '') {
    throw senseless('it redirects to another place, which this engine does not follow');
  }
  return target;
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
