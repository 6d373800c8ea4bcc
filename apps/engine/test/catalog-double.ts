import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pack } from '@proxylet/artifact';
import {
  type Candidate,
  type Digest,
  type Manifest,
  parseManifest,
  permissionsOf,
  Problem,
  resolve,
  resolveRequestSchema,
} from '@proxylet/contract';

export interface Published {
  readonly manifest: Manifest;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

/** Answers in place of the double; true where it has. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

/**
 * A catalog and token endpoint on a real socket, which can be made to lie. It stands in for faults that the real
 * catalog does not have; the true line through the real one is tested in `test/`.
 */
export class CatalogDouble implements AsyncDisposable {
  /** Paths asked for, in order. */
  readonly requests: string[] = [];
  fault: Fault | undefined;
  /** Changes a lock before it is answered. */
  alter: (lock: Lock) => unknown = (lock) => lock;
  readonly services = new Map<string, Record<string, string>>();
  private readonly versions = new Map<string, Published[]>();
  private readonly blobs = new Map<string, Published>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<CatalogDouble> {
    const server = createServer();
    const catalog = new CatalogDouble(server);
    server.on('request', (request, response) => void catalog.answer(request, response));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    return catalog;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Publishes a version whose main module is `code`. */
  publish(
    name: string,
    version: string,
    code: string,
    more: Record<string, unknown> = {},
    files: Readonly<Record<string, string>> = {},
  ): Published {
    const runtime = { type: 'isolate', version: '^1' };
    const manifest = parseManifest({ name, version, runtime, ...more });
    const entries = Object.entries({ [manifest.main]: code, ...files });
    const bytes = pack(
      manifest,
      entries.map(([path, text]) => ({ path, bytes: Buffer.from(text) })),
    );
    const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    const published = { manifest, digest, bytes };
    this.versions.set(name, [...(this.versions.get(name) ?? []), published]);
    this.blobs.set(digest, published);
    return published;
  }

  /** How often archives were asked for. */
  get downloads(): number {
    return this.requests.filter((path) => path.startsWith('GET /v1/blobs/')).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.requests.push(`${method} ${url}`);
    if (this.fault?.(request, response) === true) return;
    if (url === '/token') return json(response, 200, { access_token: 'a.catalog.token', expires_in: 300 });
    if (request.headers.authorization !== 'Bearer a.catalog.token') return json(response, 401, {});
    if (url === '/v1/resolve') return this.resolve(request, response);
    const blob = this.blobs.get(url.slice('/v1/blobs/'.length));
    if (blob === undefined) return json(response, 404, new Problem('not-found', 'No such blob.').toBody());
    response.writeHead(200, { 'content-type': 'application/gzip', 'content-length': blob.bytes.byteLength });
    response.end(blob.bytes);
    return undefined;
  }

  private async resolve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    const { engine, wants, prefer } = resolveRequestSchema.parse(
      JSON.parse(Buffer.concat(chunks).toString()),
    );
    const services: { name: string; version: string }[] = [];
    const constraints = wants.flatMap((want) => {
      if ('proxylet' in want)
        return [{ name: want.proxylet, range: 'range' in want ? want.range : '*', by: 'you' }];
      services.push({ name: want.service, version: '1.0.0' });
      const named = Object.entries(this.services.get(want.service) ?? {});
      return named.map(([name, range]) => ({ name, range, by: `service ${want.service} 1.0.0` }));
    });
    try {
      const lock = resolve({ wants: constraints, engine, prefer, candidates: this.candidates() });
      json(response, 200, this.alter({ ...lock, services }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      json(response, error.status, error.toBody());
    }
  }

  private candidates(): Map<string, Candidate[]> {
    return new Map([...this.versions].map(([name, all]) => [name, all.map(candidateOf)]));
  }
}

export type Lock = ReturnType<typeof resolve> & { services: { name: string; version: string }[] };

function candidateOf({ manifest, digest, bytes }: Published): Candidate {
  return {
    version: manifest.version,
    digest,
    sizeBytes: bytes.byteLength,
    state: 'published',
    runtime: manifest.runtime,
    capabilities: manifest.capabilities ?? [],
    dependencies: manifest.dependencies ?? {},
    permissions: permissionsOf(manifest),
  };
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
