import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp, loadConfig, type ServiceApp } from '@proxylet/nest';
import supertest from 'supertest';
// The built catalog: what is tested is what ships.
import { catalogApp, catalogFolder, catalogSettings } from '../../dist/index.js';
import { archiveOf, type ArchiveWishes } from './archives.js';
import { backendOf } from './backend.js';
import { secretsKey } from './secrets-key.js';
import { startIssuer, type TestIssuer, type TokenWishes } from './issuer.js';

export type Answer = supertest.Response;

/** Requests of one user. */
export interface Caller {
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  head(path: string): Promise<Answer>;
  /** As `get`, with the bytes as body. */
  download(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  put(path: string, body?: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  patch(path: string, body: object, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  post(path: string, body?: object): Promise<Answer>;
  delete(path: string): Promise<Answer>;
  /** Sends bytes as an archive. */
  send(path: string, bytes: Buffer, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** As `send`, with POST. */
  sendPatch(path: string, bytes: Buffer, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  sendPost(path: string, bytes: Buffer, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** Publishes a sound archive. */
  publish(wishes: ArchiveWishes): Promise<Answer>;
}

export interface CatalogUnderTest extends AsyncDisposable {
  readonly app: ServiceApp;
  readonly issuer: TestIssuer;
  /** State folder of the catalog itself. */
  readonly folder: string;
  readonly url: string;
  /** Settings of another replica: database, store and issuer of this one. Nothing else may share an embedded database. */
  readonly replicaSettings: Readonly<Record<string, string>>;
  as(wishes: TokenWishes | string): Promise<Caller>;
  /** Requests with a token that is at hand. */
  bearing(token: string): Caller;
  /** Requests without a token. */
  anonymous(): Caller;
}

/** A whole catalog that listens, with an issuer it trusts; `environment` adds settings. */
export async function startCatalog(
  environment: Readonly<Record<string, string>> = {},
): Promise<CatalogUnderTest> {
  const stateDir = await mkdtemp(join(tmpdir(), 'catalog-'));
  const backend = await backendOf(environment);
  const issuer = await startIssuer();
  const replicaSettings = {
    PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: issuer.url, algs: ['ES256'] }]),
    // The same for all that share a database.
    PROXYLET_CATALOG_SECRETS_KEY: secretsKey,
    ...backend.settings,
    ...environment,
  };
  const config = loadConfig(catalogSettings, {
    PROXYLET_STATE_DIR: stateDir,
    PROXYLET_CATALOG_PORT: '0',
    PROXYLET_LOG_LEVEL: 'silent',
    ...replicaSettings,
  });
  const folder = catalogFolder(config);
  const app = await createApp({
    name: 'catalog',
    version: '0.0.0',
    http: config,
    stateDir: folder,
    ...catalogApp(config),
  });
  const url = await app.listen();
  return {
    app,
    issuer,
    folder,
    url,
    replicaSettings,
    as: async (wishes) =>
      callerOf(url, await issuer.token(typeof wishes === 'string' ? { subject: wishes } : wishes)),
    bearing: (token) => callerOf(url, token),
    anonymous: () => callerOf(url, undefined),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await issuer[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** Requests with a token, to a catalog at an address. */
export function callerOf(url: string, token: string | undefined): Caller {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const with_ = (request: supertest.Test, headers: Readonly<Record<string, string>> = {}): supertest.Test =>
    request.set({ ...authorization, ...headers }).ok(() => true);
  const api = supertest(url);
  const send: Caller['send'] = async (path, bytes, headers) =>
    await with_(api.put(path), { 'content-type': 'application/gzip', ...headers }).send(bytes);
  return {
    get: async (path, headers) => await with_(api.get(path), headers).buffer(true),
    download: async (path, headers) => await with_(api.get(path), headers).responseType('blob'),
    head: async (path) => await with_(api.head(path)),
    put: async (path, body, headers) => await with_(api.put(path), headers).send(body),
    patch: async (path, body, headers) => await with_(api.patch(path), headers).send(body),
    post: async (path, body) => await with_(api.post(path)).send(body),
    delete: async (path) => await with_(api.delete(path)),
    send,
    sendPost: async (path, bytes, headers) =>
      await with_(api.post(path), { 'content-type': 'application/gzip', ...headers }).send(bytes),
    sendPatch: async (path, bytes, headers) =>
      await with_(api.patch(path), { 'content-type': 'application/gzip', ...headers }).send(bytes),
    publish: (wishes) =>
      send(`/v1/proxylets/${wishes.name}/versions/${wishes.version ?? '1.0.0'}`, archiveOf(wishes)),
  };
}
