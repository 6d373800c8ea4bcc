/** The part of better-sqlite3 13 that this app uses; the package ships no types of its own. */
declare module 'better-sqlite3' {
  export interface Statement {
    run(...parameters: unknown[]): { changes: number; lastInsertRowid: number | bigint };
    get(...parameters: unknown[]): unknown;
    all(...parameters: unknown[]): unknown[];
  }
  class Database {
    constructor(file: string, options?: { timeout?: number; readonly?: boolean });
    prepare(sql: string): Statement;
    exec(sql: string): this;
    pragma(text: string): unknown;
    transaction<A extends unknown[], R>(body: (...args: A) => R): (...args: A) => R;
    close(): void;
  }
  // oxlint-disable-next-line import/no-default-export -- the package exports its class this way
  export default Database;
}
