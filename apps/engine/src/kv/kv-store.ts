import Database from 'better-sqlite3';
import { GuestVisibleError, type KvOperation, type KvResult } from '@proxylet/sandbox';
import { assertKey, assertListing, assertPut, decodeCursor, encodeCursor, prefixEnd } from './kv-rules.js';

export interface KvQuota {
  /** Keys and values together, bytes. */
  readonly bytes: number;
  readonly keys: number;
}

const schema = `
CREATE TABLE IF NOT EXISTS spaces (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  sequence INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0, keys INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS entries (
  space INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL, expires_ms INTEGER,
  PRIMARY KEY (space, key)
) STRICT;
CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires_ms) WHERE expires_ms IS NOT NULL;
`;

interface Space {
  readonly id: number;
  readonly sequence: number;
  readonly bytes: number;
  readonly keys: number;
}

interface Entry {
  readonly value: Buffer;
  readonly version: number;
  readonly expires_ms: number | null;
}

/**
 * Key-value data of installations, one space each, in a SQLite file of its own that is used directly: a call costs
 * tens of microseconds. A write survives the death of the process at any moment; a loss of power may take the last
 * ones (WAL without a sync per write). Versions count up within a space and are never given twice.
 */
export class KvStore implements Disposable {
  private readonly database: Database;
  private readonly sql: ReturnType<typeof prepare>;
  private readonly write: (name: string, operation: PutOperation) => number | undefined;
  private readonly remove: (name: string, key: string) => boolean;
  private readonly sweepSome: () => number;

  constructor(
    file: string,
    private readonly quota: KvQuota,
    private readonly now: () => number = Date.now,
  ) {
    this.database = new Database(file, { timeout: 2000 });
    this.database.pragma('journal_mode = WAL');
    this.database.pragma('synchronous = NORMAL');
    this.database.exec(schema);
    this.sql = prepare(this.database);
    this.write = this.database.transaction(this.writeNow.bind(this));
    this.remove = this.database.transaction(this.removeNow.bind(this));
    this.sweepSome = this.database.transaction(this.sweepNow.bind(this));
  }

  /**
   * Carries out one operation of a guest; the operation is hostile input.
   *
   * @throws GuestVisibleError `QuotaExceededError`, `DataError` or `TypeError`
   */
  run(space: string, operation: KvOperation): KvResult {
    switch (operation.op) {
      case 'get':
        return { op: 'get', entry: this.get(space, operation.key) };
      case 'put':
        assertPut(operation);
        return { op: 'put', version: this.write(space, operation) };
      case 'delete':
        assertKey(operation.key);
        return { op: 'delete', existed: this.remove(space, operation.key) };
      case 'list':
        return this.list(space, operation);
      default:
        throw unknownOperation(operation);
    }
  }

  /** Forgets a space and everything in it. */
  erase(name: string): void {
    const space = this.sql.space.get(name) as Space | undefined;
    if (space === undefined) return;
    this.database.transaction(() => {
      this.sql.eraseEntries.run(space.id);
      this.sql.eraseSpace.run(space.id);
    })();
  }

  /** Names of all spaces, to find those whose installation is gone. */
  spaces(): readonly string[] {
    return (this.sql.names.all() as { name: string }[]).map(({ name }) => name);
  }

  usage(name: string): KvQuota {
    const { bytes, keys } = (this.sql.space.get(name) as Space | undefined) ?? { bytes: 0, keys: 0 };
    return { bytes, keys };
  }

  /** Removes expired entries, a bounded number per transaction; answers how many went. */
  sweep(): number {
    let total = 0;
    for (;;) {
      const removed = this.sweepSome();
      total += removed;
      if (removed < sweepBatch) return total;
    }
  }

  [Symbol.dispose](): void {
    this.database.close();
  }

  private get(name: string, key: string): { value: Uint8Array; version: number } | undefined {
    assertKey(key);
    const entry = this.sql.get.get(name, Buffer.from(key), this.now()) as Entry | undefined;
    return entry === undefined ? undefined : { value: entry.value, version: entry.version };
  }

  private writeNow(name: string, { key, value, ttlSeconds, ifVersion }: PutOperation): number | undefined {
    const keyBytes = Buffer.from(key);
    const space = this.roomFor(this.spaceOf(name), keyBytes, value);
    const stored = this.sql.find.get(space.id, keyBytes) as StoredEntry | undefined;
    const isAlive = stored !== undefined && (stored.expires_ms === null || stored.expires_ms > this.now());
    if (ifVersion !== undefined && ifVersion !== (isAlive ? stored.version : 0)) return undefined;
    const { bytes, keys } = grown(space, keyBytes, value, stored);
    if (!this.fits(space, bytes, keys)) throw this.overQuota(keys > space.keys && keys > this.quota.keys);
    const version = space.sequence + 1;
    const expiresMs = ttlSeconds === undefined ? null : this.now() + Math.ceil(ttlSeconds * 1000);
    this.sql.put.run(space.id, keyBytes, value, version, expiresMs);
    this.sql.updateSpace.run(version, bytes, keys, space.id);
    return version;
  }

  private removeNow(name: string, key: string): boolean {
    const space = this.sql.space.get(name) as Space | undefined;
    if (space === undefined) return false;
    const keyBytes = Buffer.from(key);
    const stored = this.sql.find.get(space.id, keyBytes) as StoredEntry | undefined;
    if (stored === undefined) return false;
    this.sql.remove.run(space.id, keyBytes);
    const bytes = space.bytes - keyBytes.length - stored.value_bytes;
    this.sql.updateSpace.run(space.sequence, bytes, space.keys - 1, space.id);
    return stored.expires_ms === null || stored.expires_ms > this.now();
  }

  private list(name: string, operation: ListOperation): KvResult {
    assertListing(operation);
    const { prefix, limit, cursor } = operation;
    const after = cursor === undefined ? Buffer.alloc(0) : decodeCursor(cursor);
    const from = Buffer.from(prefix);
    const rows = this.sql.list.all(name, after, from, prefixEnd(from), this.now(), limit + 1) as {
      key: Buffer;
    }[];
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      op: 'list',
      keys: page.map(({ key }) => key.toString()),
      cursor: rows.length > limit && last !== undefined ? encodeCursor(last.key) : undefined,
    };
  }

  private spaceOf(name: string): Space {
    const found = this.sql.space.get(name) as Space | undefined;
    if (found !== undefined) return found;
    this.sql.addSpace.run(name);
    return this.sql.space.get(name) as Space;
  }

  /** The space, freed of expired entries first where the new one would not fit otherwise. */
  private roomFor(space: Space, key: Buffer, value: Uint8Array): Space {
    const { bytes, keys } = grown(space, key, value, undefined);
    if (this.fits(space, bytes, keys)) return space;
    this.drop(this.sql.expiredIn.all(space.id, this.now()) as ExpiredEntry[]);
    return this.sql.spaceById.get(space.id) as Space;
  }

  /** What does not grow is always let in: a quota lowered later locks nobody out of tidying up. */
  private fits(space: Space, bytes: number, keys: number): boolean {
    return (
      (keys <= this.quota.keys || keys <= space.keys) && (bytes <= this.quota.bytes || bytes <= space.bytes)
    );
  }

  private overQuota(isTooMany: boolean): GuestVisibleError {
    const what = isTooMany ? `${this.quota.keys} keys` : `${this.quota.bytes} bytes`;
    return new GuestVisibleError(
      'QuotaExceededError',
      `KV holds at most ${what} per installation here.`,
      'kv',
    );
  }

  private drop(entries: readonly ExpiredEntry[]): void {
    for (const { space, key, bytes } of entries) {
      this.sql.remove.run(space, key);
      this.sql.shrinkSpace.run(bytes, space);
    }
  }

  private sweepNow(): number {
    const expired = this.sql.expired.all(this.now(), sweepBatch) as ExpiredEntry[];
    this.drop(expired);
    return expired.length;
  }
}

const sweepBatch = 500;

type PutOperation = Extract<KvOperation, { op: 'put' }>;
type ListOperation = Extract<KvOperation, { op: 'list' }>;

interface StoredEntry {
  readonly version: number;
  readonly expires_ms: number | null;
  readonly value_bytes: number;
}

interface ExpiredEntry {
  readonly space: number;
  readonly key: Buffer;
  readonly bytes: number;
}

function grown(space: Space, key: Buffer, value: Uint8Array, stored: StoredEntry | undefined): KvQuota {
  const replaced = stored === undefined ? -key.length : stored.value_bytes;
  return {
    bytes: space.bytes + value.byteLength - replaced,
    keys: space.keys + (stored === undefined ? 1 : 0),
  };
}

function unknownOperation(operation: never): GuestVisibleError {
  return new GuestVisibleError('TypeError', `KV has no operation ${JSON.stringify(operation).slice(0, 80)}.`);
}

function prepare(database: Database) {
  const sql = (text: string) => database.prepare(text);
  const inSpace = 'space = (SELECT id FROM spaces WHERE name = ?)';
  const alive = '(expires_ms IS NULL OR expires_ms > ?)';
  const expired = 'SELECT space, key, length(key) + length(value) AS bytes FROM entries';
  return {
    space: sql('SELECT id, sequence, bytes, keys FROM spaces WHERE name = ?'),
    spaceById: sql('SELECT id, sequence, bytes, keys FROM spaces WHERE id = ?'),
    names: sql('SELECT name FROM spaces'),
    addSpace: sql('INSERT INTO spaces (name) VALUES (?)'),
    updateSpace: sql('UPDATE spaces SET sequence = ?, bytes = ?, keys = ? WHERE id = ?'),
    shrinkSpace: sql('UPDATE spaces SET bytes = bytes - ?, keys = keys - 1 WHERE id = ?'),
    eraseSpace: sql('DELETE FROM spaces WHERE id = ?'),
    eraseEntries: sql('DELETE FROM entries WHERE space = ?'),
    get: sql(`SELECT value, version, expires_ms FROM entries WHERE ${inSpace} AND key = ? AND ${alive}`),
    find: sql(
      'SELECT version, expires_ms, length(value) AS value_bytes FROM entries WHERE space = ? AND key = ?',
    ),
    put: sql(
      'INSERT OR REPLACE INTO entries (space, key, value, version, expires_ms) VALUES (?, ?, ?, ?, ?)',
    ),
    remove: sql('DELETE FROM entries WHERE space = ? AND key = ?'),
    list: sql(
      `SELECT key FROM entries WHERE ${inSpace} AND key > ? AND key >= ? AND key < ? AND ${alive} ORDER BY key LIMIT ?`,
    ),
    expired: sql(`${expired} WHERE expires_ms <= ? LIMIT ?`),
    expiredIn: sql(`${expired} WHERE space = ? AND expires_ms <= ?`),
  };
}
