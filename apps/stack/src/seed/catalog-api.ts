import { z } from 'zod';

const problemSchema = z.looseObject({ code: z.string(), detail: z.string() });

/** A refusal of the catalog, in its own words. */
export class CatalogRefusal extends Error {
  override readonly name = 'CatalogRefusal';

  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }
}

/** The routes of the catalog that publishing needs, called with one person's token. */
export class CatalogApi {
  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly fetch: typeof globalThis.fetch = globalThis.fetch,
  ) {}

  /** @throws CatalogRefusal */
  async put(path: string, body?: unknown): Promise<void> {
    if (body === undefined) await this.send('PUT', path);
    else await this.send('PUT', path, 'application/json', JSON.stringify(body));
  }

  /** @throws CatalogRefusal */
  async putArchive(path: string, bytes: Uint8Array): Promise<void> {
    await this.send('PUT', path, 'application/gzip', Buffer.from(bytes));
  }

  /** The JSON found at a path; undefined when there is none. */
  async get(path: string): Promise<unknown> {
    try {
      return await (await this.send('GET', path)).json();
    } catch (error) {
      if (error instanceof CatalogRefusal && error.status === 404) return undefined;
      throw error;
    }
  }

  private async send(method: string, path: string, type?: string, body?: string | Buffer): Promise<Response> {
    const response = await this.fetch(`${this.url}/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(type === undefined ? {} : { 'content-type': type }),
      },
      body: body ?? null,
      signal: AbortSignal.timeout(30_000),
    });
    if (response.ok) return response;
    const problem = problemSchema.safeParse(await response.json().catch(() => undefined));
    throw new CatalogRefusal(
      response.status,
      problem.data?.code ?? 'unknown',
      problem.data?.detail ?? `The catalog answered ${method} /v1/${path} with status ${response.status}.`,
    );
  }
}
