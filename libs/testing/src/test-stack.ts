import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Consent } from '@proxylet/contract';
import { packBuilt, type PackedProxylet, packSource, type ProxyletSource } from './archive.js';
import { expectOk } from './refused.js';
import type { ServiceProcess } from './service-process.js';
import { catalogProcess, engineProcess, idmProcess, type Settings } from './services.js';
import { inWorkspace } from './workspace.js';

export interface TestStackOptions {
  /** State to start on, kept afterwards; by default a new folder that goes with the stack. */
  readonly stateDir?: string | undefined;
  /** Publishes the proxylets and services of `catalog-data`. */
  readonly withSampleData?: boolean | undefined;
  readonly idm?: Settings | undefined;
  /** Profiles of issuers that catalog and engine trust besides the IdM. */
  readonly furtherIssuers?: readonly object[] | undefined;
  readonly catalog?: Settings | undefined;
  readonly engine?: Settings | undefined;
  /** Where the engine finds the catalog, told the true address: for something put in between. */
  readonly catalogUrlForEngine?: ((catalogUrl: string) => string | Promise<string>) | undefined;
}

export type User = 'alice' | 'bob' | 'paula' | 'adam';
export type Audience = 'catalog' | 'engine';

export type PublishRequest = (
  | ProxyletSource
  | { readonly folder: string }
  | { readonly packed: PackedProxylet }
) & {
  /** Who publishes, and becomes the owner of a namespace that is not there yet; default paula. */
  readonly as?: User | undefined;
};

export interface InstallRequest {
  readonly version?: string | undefined;
  readonly consent?: Consent | undefined;
  readonly config?: unknown;
}

/**
 * Starts IdM, catalog and engine as they are built, each in its own process on a free port:
 * `await using stack = await startTestStack()`.
 */
export async function startTestStack(options: TestStackOptions = {}): Promise<TestStack> {
  const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), 'proxylet-test-')));
  const services: ServiceProcess[] = [];
  const start = async (service: ServiceProcess): Promise<ServiceProcess> => {
    services.push(service);
    await service.start();
    return service;
  };
  const clear = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.stop()));
    if (options.stateDir === undefined) await rm(stateDir, { recursive: true, force: true });
  };
  try {
    const idm = await start(idmProcess({ stateDir, settings: options.idm }));
    const issuers = [{ issuer: idm.url }, ...(options.furtherIssuers ?? [])];
    const catalog = await start(catalogProcess({ stateDir, settings: options.catalog, issuers }));
    const catalogUrl = (await options.catalogUrlForEngine?.(catalog.url)) ?? catalog.url;
    const engine = await start(engineProcess({ stateDir, settings: options.engine, issuers, catalogUrl }));
    const stack = new TestStack(stateDir, idm, catalog, engine, clear);
    if (options.withSampleData === true) await stack.publishSampleData();
    return stack;
  } catch (error) {
    await clear();
    throw error;
  }
}

/** A running stack, and what the persons of a test do with it. Every helper throws `RefusedError` when it is refused. */
export class TestStack implements AsyncDisposable {
  private readonly tokens = new Map<string, Promise<string>>();
  private readonly namespaces = new Map<string, Promise<unknown>>();

  constructor(
    readonly stateDir: string,
    readonly idm: ServiceProcess,
    readonly catalog: ServiceProcess,
    readonly engine: ServiceProcess,
    private readonly clear: () => Promise<void>,
  ) {}

  /** An access token; the same one for the same question. `scope` narrows it. */
  token(user: User, audience: Audience, scope?: string): Promise<string> {
    const key = JSON.stringify([user, audience, scope]);
    const known = this.tokens.get(key) ?? this.askToken(user, audience, scope);
    this.tokens.set(key, known);
    return known;
  }

  /** Packs a proxylet and publishes it through the API; its namespace is made when it is not there. */
  async publish(request: PublishRequest): Promise<PackedProxylet> {
    const packed = await packedOf(request);
    const { as = 'paula' } = request;
    const { name, version } = packed.manifest;
    await this.claim(name.slice(0, name.indexOf('/')), as);
    const response = await this.putArchive(packed, as);
    await expectOk(response, `Publishing ${name} ${version}`);
    return packed;
  }

  /** Sends an archive and gives the answer as it is. */
  async putArchive({ manifest, bytes }: PackedProxylet, as: User = 'paula'): Promise<Response> {
    return fetch(`${this.catalog.url}/v1/proxylets/${manifest.name}/versions/${manifest.version}`, {
      method: 'PUT',
      headers: { authorization: await this.bearer(as, 'catalog'), 'content-type': 'application/gzip' },
      body: Buffer.from(bytes),
    });
  }

  async registerService(
    name: string,
    definition: { readonly version: string; readonly proxylets: Readonly<Record<string, string>> },
    as: User = 'paula',
  ): Promise<void> {
    await this.claim(name.slice(0, name.indexOf('/')), as);
    await this.send('PUT', `${this.catalog.url}/v1/services/${name}`, as, 'catalog', definition);
  }

  /** Publishes `catalog-data` as it is built. */
  async publishSampleData(): Promise<void> {
    for (const name of ['geo', 'meters', 'context-cache', 'quarters']) {
      await this.publish({ folder: inWorkspace(`catalog-data/${name}`) });
    }
    const folder = inWorkspace('catalog-data/services');
    for (const file of await readdir(folder)) {
      const { name, ...definition } = JSON.parse(await readFile(join(folder, file), 'utf8')) as {
        name: string;
        version: string;
        proxylets: Record<string, string>;
      };
      await this.registerService(name, definition);
    }
  }

  /** Installs for the user, with consent to all that is asked unless told otherwise. */
  async install(user: User, name: string, request: InstallRequest = {}): Promise<unknown> {
    const { version = '*', consent = true, config } = request;
    const body = { version, consent, ...(config === undefined ? {} : { config }) };
    return this.send('PUT', `${this.engine.url}/v1/installations/${name}`, user, 'engine', body);
  }

  async initialize(user: User, service: string, consent: Consent = true): Promise<unknown> {
    return this.send('POST', `${this.engine.url}/v1/services/${service}/initialize`, user, 'engine', {
      consent,
    });
  }

  /** Publishes and installs in one. */
  async deploy(user: User, proxylet: PublishRequest, request?: InstallRequest): Promise<PackedProxylet> {
    const packed = await this.publish(proxylet);
    await this.install(user, packed.manifest.name, { version: packed.manifest.version, ...request });
    return packed;
  }

  /** Calls an installed proxylet and gives its answer as it is. */
  async run(user: User, name: string, path = '/', init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set('authorization', await this.bearer(user, 'engine'));
    return fetch(`${this.engine.url}/run/${name}${path}`, { ...init, headers });
  }

  /** Sends JSON to a service as somebody, and gives the JSON of the answer. */
  async send(method: string, url: string, user: User, audience: Audience, body?: unknown): Promise<unknown> {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: await this.bearer(user, audience),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? null : JSON.stringify(body),
    });
    await expectOk(response, `${method} ${url}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  }

  async bearer(user: User, audience: Audience, scope?: string): Promise<string> {
    return `Bearer ${await this.token(user, audience, scope)}`;
  }

  /** What each service logged, newest last; `from` are earlier line counts, of `logMark`. */
  logsSince(from: readonly number[] = []): string {
    return [this.idm, this.catalog, this.engine]
      .map(
        ({ lines }, i) =>
          `--- ${serviceNames[i]}\n${lines
            .slice(from[i] ?? 0)
            .slice(-60)
            .join('\n')}`,
      )
      .join('\n');
  }

  logMark(): number[] {
    return [this.idm, this.catalog, this.engine].map(({ lines }) => lines.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clear();
  }

  private async askToken(user: User, audience: Audience, scope?: string): Promise<string> {
    const body = new URLSearchParams({ user, audience, ...(scope === undefined ? {} : { scope }) });
    const response = await fetch(`${this.idm.url}/dev/token`, { method: 'POST', body });
    await expectOk(response, `A token for ${user}`);
    return ((await response.json()) as { access_token: string }).access_token;
  }

  private claim(namespace: string, as: User): Promise<unknown> {
    const known =
      this.namespaces.get(namespace) ??
      this.send('PUT', `${this.catalog.url}/v1/namespaces/${namespace}`, as, 'catalog');
    this.namespaces.set(namespace, known);
    return known;
  }
}

const serviceNames = ['IdM', 'catalog', 'engine'];

async function packedOf(request: PublishRequest): Promise<PackedProxylet> {
  if ('packed' in request) return request.packed;
  return 'folder' in request ? packBuilt(request.folder) : packSource(request);
}
