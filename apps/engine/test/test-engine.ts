import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp, createLog, type ServiceApp } from '@proxylet/nest';
import { engineApp, loadEngineConfig } from '../src/index.js';
import { EngineCore } from '../src/engine-core.js';
import { CatalogDouble } from './catalog-double.js';
import { Issuer } from './issuer.js';

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: T;
}

export interface CallOptions {
  readonly token?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** An engine on a real socket with a real issuer, real runner processes, and a catalog that can be made to lie. */
export class TestEngine implements AsyncDisposable {
  private constructor(
    readonly issuer: Issuer,
    readonly catalog: CatalogDouble,
    readonly stateDir: string,
    private readonly env: Record<string, string>,
    private app: ServiceApp,
    private readonly cleanUp: () => Promise<void>,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<TestEngine> {
    const [issuer, catalog, folder] = await Promise.all([
      Issuer.start(),
      CatalogDouble.start(),
      mkdtemp(join(tmpdir(), 'proxylet-engine-')),
    ]);
    const settings = {
      PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: issuer.url, claims: { tenants: ['groups'] } }]),
      PROXYLET_STATE_DIR: folder,
      PROXYLET_ENGINE_CATALOG_URL: catalog.url,
      PROXYLET_ENGINE_TOKEN_URL: `${catalog.url}/token`,
      PROXYLET_ENGINE_CLIENT_SECRET: 'secret',
      PROXYLET_ENGINE_PORT: '0',
      ...env,
    };
    const stateDir = join(folder, 'engine');
    const app = await startApp(settings, stateDir);
    return new TestEngine(issuer, catalog, stateDir, settings, app, async () => {
      await Promise.all([issuer[Symbol.asyncDispose](), catalog[Symbol.asyncDispose]()]);
      await rm(folder, { recursive: true, force: true });
    });
  }

  get url(): string {
    return this.app.url;
  }

  get core(): EngineCore {
    return this.app.nest.get(EngineCore);
  }

  /** Stops the engine and starts it anew on the same state. */
  async restart(between: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.app.close();
    await between();
    this.app = await startApp(this.env, this.stateDir);
  }

  token(subject = 'alice', scope = 'engine:invoke engine:install', roles = ['user']): string {
    return this.issuer.token({ sub: subject, scope, roles, aud: 'urn:proxylet:engine:local' });
  }

  admin(): string {
    return this.token('adam', 'engine:invoke engine:install engine:manage engine:admin', ['platform-admin']);
  }

  /** One request; `as` a user with the usual scopes unless a token is given. */
  async call<T = Record<string, unknown>>(
    method: string,
    path: string,
    { token, body, headers }: CallOptions = {},
  ): Promise<Answer<T>> {
    const authorization = `Bearer ${token ?? this.token()}`;
    const response = await fetch(`${this.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        authorization,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parse(text) as T };
  }

  install(name: string, body: unknown = { consent: true }, token?: string): Promise<Answer> {
    return this.call('PUT', `/v1/installations/${name}`, { body, token });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.cleanUp();
  }
}

async function startApp(env: Record<string, string>, stateDir: string): Promise<ServiceApp> {
  const config = loadEngineConfig(env);
  await mkdir(stateDir, { recursive: true });
  const app = await createApp({
    ...engineApp(config),
    name: 'engine',
    version: '0.1.0',
    http: config,
    stateDir,
    log: createLog({ name: 'engine', level: 'silent' }),
  });
  await app.listen();
  return app;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
