import { randomBytes } from 'node:crypto';
import { sharedServer } from '@proxylet/testing';
import { DataSource } from 'typeorm';
// The built catalog: what is tested is what ships.
import { Database } from '../../dist/index.js';

export interface TestPostgres extends AsyncDisposable {
  readonly url: string;
}

const server = await sharedServer('postgres');
let template: Promise<string> | undefined;

/** Whether this machine has a PostgreSQL server; false only where tests may be left out. */
export const hasPostgres = server !== undefined;

/** A database of its own without any table, on the server that all tests share. */
export async function startPostgres(): Promise<TestPostgres> {
  return await makeDatabase('template1');
}

/** As `startPostgres`, with the catalog's tables: copied, which is faster than migrating. */
export async function startMigrated(): Promise<TestPostgres> {
  template ??= makeTemplate();
  return await makeDatabase(await template);
}

async function makeTemplate(): Promise<string> {
  const { url } = await makeDatabase('template1');
  const database = await Database.open({ url, folder: '' });
  await database.close();
  return new URL(url).pathname.slice(1);
}

async function makeDatabase(source: string): Promise<TestPostgres> {
  if (server === undefined) throw new Error('there is no PostgreSQL on this machine');
  const name = `test_${randomBytes(6).toString('hex')}`;
  await atServer(server, `CREATE DATABASE ${name} TEMPLATE ${source} STRATEGY file_copy`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    [Symbol.asyncDispose]: () => atServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function atServer(url: string, statement: string): Promise<void> {
  const source = await new DataSource({ type: 'postgres', url, installExtensions: false }).initialize();
  try {
    await source.query(statement);
  } finally {
    await source.destroy();
  }
}
