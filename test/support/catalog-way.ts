import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Transform, type TransformCallback } from 'node:stream';

/** What is done to the body of an archive on its way. */
export type Tamper = 'flip-a-byte' | 'cut-short' | 'add-a-byte' | 'replace';

/**
 * The way between engine and catalog: passes everything on, counts what is asked for, and alters archives when
 * told to.
 */
export class CatalogWay implements AsyncDisposable {
  /** `METHOD path` of everything the engine asked the catalog for. */
  readonly requests: string[] = [];
  tamper: Tamper | undefined;
  private target = '';
  private readonly server = createServer((request, response) => this.pass(request, response));

  /** For `catalogUrlForEngine`. */
  readonly between = async (catalogUrl: string): Promise<string> => {
    this.target = catalogUrl;
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  };

  /** Digests of the archives that were asked for, each as often as it was. */
  get downloads(): string[] {
    return this.requests.flatMap((line) => /^GET \/v1\/blobs\/(.+)$/.exec(line)?.[1] ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }

  private pass(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers } = request;
    this.requests.push(`${method} ${url}`);
    const isArchive = method === 'GET' && url.startsWith('/v1/blobs/');
    const onward = httpRequest(new URL(url, this.target), { method, headers }, (answer) => {
      const tamper = isArchive && answer.statusCode === 200 ? this.tamper : undefined;
      const { 'content-length': length, ...others } = answer.headers;
      // With its length kept, an archive cut short would look like a broken connection.
      const isSameLength = tamper === undefined || tamper === 'flip-a-byte';
      const kept = isSameLength && length !== undefined ? { 'content-length': length } : {};
      response.writeHead(answer.statusCode ?? 502, { ...others, ...kept });
      answer.pipe(new Alteration(tamper)).pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.pipe(onward);
  }
}

class Alteration extends Transform {
  private isDone = false;

  constructor(private readonly tamper: Tamper | undefined) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (this.tamper === undefined || this.isDone) {
      done(null, this.isDone && this.tamper === 'replace' ? undefined : chunk);
      return;
    }
    this.isDone = true;
    done(null, altered(chunk, this.tamper));
  }

  override _flush(done: TransformCallback): void {
    done(null, this.tamper === 'add-a-byte' ? Buffer.from([0]) : undefined);
  }
}

function altered(chunk: Buffer, tamper: Tamper): Buffer {
  switch (tamper) {
    case 'flip-a-byte': {
      const copy = Buffer.from(chunk);
      const at = copy.length >> 1;
      copy.writeUInt8(copy.readUInt8(at) ^ 1, at);
      return copy;
    }
    case 'cut-short':
      return chunk.subarray(0, -1);
    case 'replace':
      return Buffer.from('not an archive at all');
    case 'add-a-byte':
      return chunk;
    default:
      return tamper satisfies never;
  }
}
