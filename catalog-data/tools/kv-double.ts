import type { Kv, KvListOptions, KvPutOptions } from '../shared/handler.js';

/** The key-value store of the handler contract in memory, with what a proxylet's logic can meet: races and expiry. */
export class KvDouble implements Kv {
  readonly entries = new Map<string, { value: string; version: number; expiresAtMs: number }>();
  /** Runs before each put: a test lets another writer in between. */
  beforePut: (key: string) => void = () => undefined;
  private sequence = 0;

  constructor(readonly now: () => number = Date.now) {}

  async get(key: string): Promise<string | null> {
    return this.live(key)?.value ?? null;
  }

  async getWithVersion(key: string): Promise<{ value: unknown; version: number }> {
    const entry = this.live(key);
    return entry === undefined
      ? { value: null, version: 0 }
      : { value: JSON.parse(entry.value), version: entry.version };
  }

  async put(
    key: string,
    value: string,
    { ttl = Infinity, ifVersion }: KvPutOptions = {},
  ): Promise<number | null> {
    this.beforePut(key);
    if (ifVersion !== undefined && ifVersion !== (this.live(key)?.version ?? 0)) return null;
    this.sequence += 1;
    this.entries.set(key, { value, version: this.sequence, expiresAtMs: this.now() + ttl * 1000 });
    return this.sequence;
  }

  async delete(key: string): Promise<boolean> {
    return this.entries.delete(key);
  }

  async list({
    prefix = '',
    limit = 100,
    cursor = '',
  }: KvListOptions): Promise<{ keys: string[]; cursor: string | null }> {
    const keys = [...this.entries.keys()]
      .filter((key) => key.startsWith(prefix) && key > cursor && this.live(key) !== undefined)
      .toSorted();
    const page = keys.slice(0, limit);
    return { keys: page, cursor: keys.length > limit ? (page.at(-1) ?? null) : null };
  }

  private live(key: string): { value: string; version: number } | undefined {
    const entry = this.entries.get(key);
    return entry !== undefined && entry.expiresAtMs > this.now() ? entry : undefined;
  }
}
