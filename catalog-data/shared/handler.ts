/** What a proxylet of this folder uses of the handler contract (docs/handler.md). */
export interface Kv {
  get(key: string): Promise<string | null>;
  /** The value parsed from JSON, with the version that a compare-and-set put takes; `version` 0 means absent. */
  getWithVersion(
    key: string,
    options: { readonly type: 'json' },
  ): Promise<{ readonly value: unknown; readonly version: number }>;
  /** The new version, or null where `ifVersion` did not match. `ttl` in seconds. */
  put(key: string, value: string, options?: KvPutOptions): Promise<number | null>;
  delete(key: string): Promise<boolean>;
  list(
    options: KvListOptions,
  ): Promise<{ readonly keys: readonly string[]; readonly cursor?: string | null }>;
}

export interface KvPutOptions {
  readonly ttl?: number;
  readonly ifVersion?: number;
}

export interface KvListOptions {
  readonly prefix?: string;
  readonly limit?: number;
  readonly cursor?: string;
}

export interface Env {
  readonly KV: Kv;
  /** Settings of the installation, checked by the engine against the manifest's `config`; undefined when not set. */
  readonly CONFIG?: unknown;
}

export interface Context {
  readonly user: { readonly subject: string; readonly issuer: string; readonly roles: readonly string[] };
  readonly log: { warn(...values: unknown[]): void; info(...values: unknown[]): void };
}

export interface Handler<E = Env> {
  fetch(request: Request, env: E, ctx: Context): Promise<Response> | Response;
}
