import { rmSync } from 'node:fs';
import type Database from 'better-sqlite3';
import {
  type CachedEntry,
  type CachedHead,
  type CacheOperation,
  type CacheQuery,
  type CacheResult,
  GuestVisibleError,
} from '@proxylet/sandbox';
import {
  assertCacheName,
  assertQuery,
  assertStorable,
  isSameVariant,
  urlKeysOf,
  varyOf,
} from './cache-rules.js';
import { bodyOf, gone, writeBody } from './cache-bodies.js';
import { type CacheRow, type CacheSql, type EntryRow, openCacheFile } from './cache-tables.js';
import { CacheUse, type CacheQuota } from './cache-use.js';

const listMaxEntries = 1000;
const maxCaches = 100;
/** A row for an entry costs this beside its texts and its body. */
const rowBytes = 200;
/** The order of use is kept to this accuracy: a hit then writes nothing. */
const useStepMs = 60_000;

/**
 * Stored responses of installations, a space each, in a SQLite file of its own that is used directly. Where there is no
 * room, what was not used for the longest time goes: first of the same installation, then of all. Nothing in here is
 * the only copy of anything, so a file that is damaged is begun anew.
 */
export class CacheStore implements Disposable {
  private readonly database: Database;
  private readonly sql: CacheSql;
  private readonly use: CacheUse;

  constructor(
    file: string,
    quota: CacheQuota,
    onBegunAnew: () => void = () => undefined,
    private readonly now: () => number = Date.now,
  ) {
    const opened = openCacheFile(file, () => {
      onBegunAnew();
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    });
    this.database = opened.database;
    this.sql = opened.sql;
    this.use = new CacheUse(this.sql, quota, (entry) => this.drop(entry));
  }

  /**
   * Carries out one operation of a guest; the operation is hostile input.
   *
   * @throws GuestVisibleError `TypeError` or `QuotaExceededError`
   */
  run(space: string, operation: CacheOperation): CacheResult | Promise<CacheResult> {
    switch (operation.op) {
      case 'open':
        this.cacheOf(space, operation.cache);
        return { op: 'done', isTrue: true };
      case 'has':
        return { op: 'done', isTrue: this.find(space, operation.cache) !== undefined };
      case 'drop':
        return { op: 'done', isTrue: this.dropCache(space, operation.cache) };
      case 'names':
        return { op: 'names', names: this.caches(space).map(({ name }) => name) };
      case 'match':
        return this.match(space, operation.query);
      case 'find':
        return { op: 'entries', entries: this.list(space, operation.cache, operation.query).map(entryOf) };
      case 'body':
        return this.body(space, operation.id);
      case 'put':
        return this.put(space, operation.cache, operation.head, operation.body);
      case 'delete':
        return { op: 'done', isTrue: this.delete(space, operation.query) };
      default:
        throw new GuestVisibleError('TypeError', 'There is no such operation of a cache.');
    }
  }

  /** Forgets a space and everything in it. */
  erase(space: string): void {
    this.transaction(() => {
      for (;;) {
        const rows = this.sql.ofSpace.all(space, listMaxEntries) as EntryRow[];
        for (const row of rows) this.drop(row);
        if (rows.length < listMaxEntries) break;
      }
      this.sql.eraseCaches.run(space);
    });
  }

  /** Names of all spaces, to find those whose installation is gone. */
  spaces(): readonly string[] {
    return (this.sql.spaces.all() as { space: string }[]).map(({ space }) => space);
  }

  /** Bytes that a space, or all of them, take. */
  bytes(space?: string): number {
    return space === undefined ? this.use.totalBytes : this.use.of(space).bytes;
  }

  [Symbol.dispose](): void {
    this.database.close();
  }

  private match(space: string, query: CacheQuery): CacheResult {
    assertQuery(query);
    const caches =
      query.cache === undefined
        ? this.caches(space)
        : [this.find(space, query.cache)].filter((one) => one !== undefined);
    for (const cache of caches) {
      const row = this.matching(cache.id, query)[0];
      if (row === undefined) continue;
      this.noteUse(row);
      return { op: 'response', entry: entryOf(row), body: bodyOf(this.sql, row) };
    }
    return { op: 'response', entry: undefined, body: undefined };
  }

  private noteUse({ id, used_ms: usedMs }: EntryRow): void {
    const nowMs = this.now();
    if (nowMs - usedMs <= useStepMs) return;
    try {
      this.sql.useEntry.run(nowMs, id);
    } catch {
      // A disk that is full, or can only be read, still gives what it holds.
    }
  }

  private list(space: string, name: string, query: CacheQuery | undefined): EntryRow[] {
    const cache = this.find(space, name);
    if (cache === undefined) return [];
    if (query !== undefined) return this.matching(cache.id, query).slice(0, listMaxEntries);
    return this.sql.wholeOfCache.all(cache.id, listMaxEntries) as EntryRow[];
  }

  private body(space: string, id: number): CacheResult {
    const row = this.sql.entry.get(id, space) as EntryRow | undefined;
    if (row === undefined) return { op: 'response', entry: undefined, body: undefined };
    return { op: 'response', entry: entryOf(row), body: bodyOf(this.sql, row) };
  }

  private matching(cacheId: number, query: CacheQuery): EntryRow[] {
    const keys = urlKeysOf(query.url);
    if (keys === undefined) return [];
    const rows = (
      query.ignoreSearch ? this.sql.byBare.all(cacheId, keys.bare) : this.sql.byUrl.all(cacheId, keys.url)
    ) as EntryRow[];
    if (query.ignoreVary) return rows;
    return rows.filter((row) => {
      const vary = JSON.parse(row.vary) as string[];
      return vary.length === 0 || isSameVariant(vary, headOf(row).requestHeaders, query.headers);
    });
  }

  private delete(space: string, query: CacheQuery): boolean {
    assertQuery(query);
    const cache = this.find(space, query.cache ?? '');
    if (cache === undefined) return false;
    const rows = this.matching(cache.id, query);
    this.transaction(() => {
      for (const row of rows) this.drop(row);
    });
    return rows.length > 0;
  }

  /** Bytes are written in turns; the entry is there for others from one moment to the next, in place of the old one. */
  private async put(space: string, name: string, head: CachedHead, body: Uint8Array): Promise<CacheResult> {
    assertStorable(name, head);
    const { url, bare } = urlKeysOf(head.url) ?? { url: '', bare: '' };
    const text = JSON.stringify(head);
    const vary = JSON.stringify(varyOf(head.headers));
    const bytes = rowBytes + text.length + vary.length + url.length + bare.length + body.byteLength;
    const cache = this.cacheOf(space, name);
    const id = this.transaction(() => {
      this.use.makeRoom(space, bytes);
      const nowMs = this.now();
      const values = [space, cache.id, url, bare, vary, text, nowMs, nowMs, bytes, body.byteLength];
      return Number(this.sql.addEntry.run(...values).lastInsertRowid);
    });
    this.use.add(space, bytes);
    try {
      await writeBody(this.sql, (work) => this.transaction(work), id, body);
      const query = {
        cache: name,
        url,
        headers: head.requestHeaders,
        ignoreSearch: false,
        ignoreVary: false,
      };
      this.transaction(() => {
        for (const row of this.matching(cache.id, query)) this.drop(row);
        // An installation that went away meanwhile has taken the entry along.
        if (this.sql.finishEntry.run(id).changes === 0) throw gone();
      });
    } catch (error) {
      this.abandon({ id, space, bytes });
      throw error;
    }
    return { op: 'done', isTrue: true };
  }

  private abandon(entry: Pick<EntryRow, 'id' | 'space' | 'bytes'>): void {
    try {
      this.transaction(() => {
        this.drop(entry);
        this.sql.dropChunks.run(entry.id);
      });
    } catch {
      // On a full disk not even this can be written; the next start clears it away.
    }
  }

  private caches(space: string): CacheRow[] {
    return this.sql.caches.all(space) as CacheRow[];
  }

  private find(space: string, name: string): CacheRow | undefined {
    return this.sql.cache.get(space, name) as CacheRow | undefined;
  }

  private cacheOf(space: string, name: string): CacheRow {
    const found = this.find(space, name);
    if (found !== undefined) return found;
    assertCacheName(name);
    if (this.caches(space).length >= maxCaches) {
      throw new GuestVisibleError('QuotaExceededError', `There are at most ${maxCaches} caches here.`);
    }
    this.sql.addCache.run(space, name);
    return this.sql.cache.get(space, name) as CacheRow;
  }

  private dropCache(space: string, name: string): boolean {
    const cache = this.find(space, name);
    if (cache === undefined) return false;
    this.transaction(() => {
      for (;;) {
        const rows = this.sql.ofCache.all(cache.id, listMaxEntries) as EntryRow[];
        for (const row of rows) this.drop(row);
        if (rows.length < listMaxEntries) break;
      }
      this.sql.dropCache.run(cache.id);
    });
    return true;
  }

  private drop({ id, space, bytes }: Pick<EntryRow, 'id' | 'space' | 'bytes'>): void {
    if (this.sql.dropEntry.run(id).changes === 0) return;
    this.sql.dropChunks.run(id);
    this.use.remove(space, bytes);
  }

  /** A failed transaction takes back its rows, so what is counted is counted anew. */
  private transaction<T>(work: () => T): T {
    try {
      return this.database.transaction(work)();
    } catch (error) {
      this.use.recount();
      throw isFull(error)
        ? new GuestVisibleError('QuotaExceededError', 'The disk of this engine is full.')
        : error;
    }
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'SQLITE_FULL';
}

function headOf({ head }: EntryRow): CachedHead {
  return JSON.parse(head) as CachedHead;
}

function entryOf(row: EntryRow): CachedEntry {
  return { ...headOf(row), id: row.id, storedMs: row.stored_ms };
}
