import Database from 'better-sqlite3';

const schema = `
CREATE TABLE IF NOT EXISTS caches (
  id INTEGER PRIMARY KEY, space TEXT NOT NULL, name TEXT NOT NULL, UNIQUE (space, name)
) STRICT;
CREATE TABLE IF NOT EXISTS entries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, space TEXT NOT NULL, cache INTEGER NOT NULL,
  url TEXT NOT NULL, bare TEXT NOT NULL, vary TEXT NOT NULL, head TEXT NOT NULL,
  stored_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, body_bytes INTEGER NOT NULL,
  is_whole INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS entries_by_url ON entries (cache, url);
CREATE INDEX IF NOT EXISTS entries_by_bare ON entries (cache, bare);
CREATE INDEX IF NOT EXISTS entries_by_use ON entries (space, used_ms);
CREATE INDEX IF NOT EXISTS entries_by_use_of_all ON entries (used_ms);
CREATE TABLE IF NOT EXISTS chunks (
  entry INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (entry, part)
) STRICT;
`;

export interface CacheRow {
  readonly id: number;
  readonly name: string;
}

export interface EntryRow {
  readonly id: number;
  readonly space: string;
  /** JSON list. */
  readonly vary: string;
  /** JSON of `CachedHead`. */
  readonly head: string;
  readonly stored_ms: number;
  readonly used_ms: number;
  readonly bytes: number;
  readonly body_bytes: number;
}

export type CacheSql = ReturnType<typeof prepare>;

/**
 * Opens the file. What is in it can be had again from elsewhere, so that one which cannot be read is begun anew.
 *
 * @param begin removes the file
 */
export function openCacheFile(file: string, begin: () => void): { database: Database; sql: CacheSql } {
  try {
    return openOnce(file);
  } catch (error) {
    if (!isBroken(error)) throw error;
    begin();
    return openOnce(file);
  }
}

function openOnce(file: string): { database: Database; sql: CacheSql } {
  const database = new Database(file, { timeout: 2000 });
  try {
    database.pragma('journal_mode = WAL');
    // A loss of power may take the last entries, never the file.
    database.pragma('synchronous = NORMAL');
    database.exec(schema);
    // What a death in the middle of storing has left.
    database.exec('DELETE FROM chunks WHERE entry IN (SELECT id FROM entries WHERE is_whole = 0)');
    database.exec('DELETE FROM entries WHERE is_whole = 0');
    return { database, sql: prepare(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^SQLITE_(?:CORRUPT|NOTADB)/.test(String(error.code));
}

function prepare(database: Database) {
  const sql = (text: string) => database.prepare(text);
  const entry = 'id, space, vary, head, stored_ms, used_ms, bytes, body_bytes FROM entries';
  return {
    cache: sql('SELECT id, name FROM caches WHERE space = ? AND name = ?'),
    caches: sql('SELECT id, name FROM caches WHERE space = ? ORDER BY id'),
    addCache: sql('INSERT OR IGNORE INTO caches (space, name) VALUES (?, ?)'),
    dropCache: sql('DELETE FROM caches WHERE id = ?'),
    byUrl: sql(`SELECT ${entry} WHERE cache = ? AND url = ? AND is_whole = 1 ORDER BY id`),
    byBare: sql(`SELECT ${entry} WHERE cache = ? AND bare = ? AND is_whole = 1 ORDER BY id`),
    ofCache: sql(`SELECT ${entry} WHERE cache = ? ORDER BY id LIMIT ?`),
    wholeOfCache: sql(`SELECT ${entry} WHERE cache = ? AND is_whole = 1 ORDER BY id LIMIT ?`),
    entry: sql(`SELECT ${entry} WHERE id = ? AND space = ? AND is_whole = 1`),
    oldestOf: sql(`SELECT ${entry} WHERE space = ? AND is_whole = 1 ORDER BY used_ms, id LIMIT 1`),
    oldest: sql(`SELECT ${entry} WHERE is_whole = 1 ORDER BY used_ms, id LIMIT 1`),
    ofSpace: sql(`SELECT ${entry} WHERE space = ? LIMIT ?`),
    sums: sql('SELECT space, SUM(bytes) AS bytes, COUNT(*) AS entries FROM entries GROUP BY space'),
    addEntry: sql(
      'INSERT INTO entries (space, cache, url, bare, vary, head, stored_ms, used_ms, bytes, body_bytes, is_whole) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)',
    ),
    finishEntry: sql('UPDATE entries SET is_whole = 1 WHERE id = ?'),
    useEntry: sql('UPDATE entries SET used_ms = ? WHERE id = ?'),
    dropEntry: sql('DELETE FROM entries WHERE id = ?'),
    addChunk: sql('INSERT INTO chunks (entry, part, bytes) VALUES (?, ?, ?)'),
    chunk: sql('SELECT bytes FROM chunks WHERE entry = ? AND part = ?'),
    dropChunks: sql('DELETE FROM chunks WHERE entry = ?'),
    eraseCaches: sql('DELETE FROM caches WHERE space = ?'),
    spaces: sql('SELECT DISTINCT space FROM caches'),
  };
}
