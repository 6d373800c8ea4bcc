import { collect, readBodyInit, type BodyInit } from './body.js';
import { host } from './host.js';
import { exactBuffer, startOp } from './ops.js';

type KvType = 'text' | 'json' | 'bytes';

interface PutOptions {
  /** Seconds until the entry is gone. */
  ttl?: number;
  /** Compare-and-set: write only where the entry has this version; 0 means "absent". */
  ifVersion?: number;
}

interface ListOptions {
  prefix?: string;
  limit?: number;
  cursor?: string;
}

/** `env.KV`: the installation's own durable key-value data. */
export const kv = Object.freeze({
  async get(key: string, options: KvType | { type?: KvType } = 'text'): Promise<unknown> {
    return (await read(key, options)).value;
  },

  /** The value with its version, for a later `put` with `ifVersion`; `{ value: null, version: 0 }` when absent. */
  getWithVersion(key: string, options: KvType | { type?: KvType } = 'text'): Promise<Versioned> {
    return read(key, options);
  },

  /** Resolves to the new version, or to null when `ifVersion` did not match. */
  async put(key: string, value: BodyInit, options: PutOptions = {}): Promise<number | null> {
    const [source] = readBodyInit(value);
    const bytes = source === null ? new Uint8Array() : await collect(source);
    const { ttl, ifVersion } = options;
    const { text } = await startOp('kv.put', JSON.stringify({ key: keyOf(key), ttl, ifVersion }), bytes)
      .result;
    return (JSON.parse(text) as { version: number | null }).version;
  },

  async delete(key: string): Promise<boolean> {
    const { text } = await startOp('kv.delete', JSON.stringify({ key: keyOf(key) })).result;
    return (JSON.parse(text) as { existed: boolean }).existed;
  },

  async list(options: ListOptions = {}): Promise<{ keys: string[]; cursor: string | null }> {
    const { prefix = '', limit = 1000, cursor } = options;
    const { text } = await startOp('kv.list', JSON.stringify({ prefix, limit, cursor })).result;
    return JSON.parse(text) as { keys: string[]; cursor: string | null };
  },
});

interface Versioned {
  value: unknown;
  version: number;
}

async function read(key: string, options: KvType | { type?: KvType }): Promise<Versioned> {
  const type = typeof options === 'string' ? options : (options.type ?? 'text');
  const { text, bytes } = await startOp('kv.get', JSON.stringify({ key: keyOf(key) })).result;
  const { version } = JSON.parse(text) as { version: number };
  if (version === 0) return { value: null, version };
  if (type === 'bytes') return { value: bytes, version };
  const content = host().decodeUtf8(exactBuffer(bytes));
  return { value: type === 'json' ? JSON.parse(content) : content, version };
}

function keyOf(key: unknown): string {
  if (typeof key !== 'string' || key === '') throw new TypeError('a key is a string that is not empty');
  return key;
}
