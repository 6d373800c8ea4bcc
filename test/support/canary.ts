import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server on loopback that notes every request it gets: whatever reaches it could have reached anything private. */
export class Canary implements AsyncDisposable {
  readonly hits: string[] = [];
  /** Connections opened, with or without a request. */
  connections = 0;
  private readonly server;

  private constructor(answer: Answer) {
    this.server = createServer((request, response) => {
      this.hits.push(`${request.method} ${request.headers.host}${request.url}`);
      answer(request, response);
    });
    this.server.on('connection', () => {
      this.connections += 1;
    });
  }

  /** Listens on all addresses of the machine, both families where it has them. */
  static async listen(answer: Answer = (_, response) => response.end('canary')): Promise<Canary> {
    const canary = new Canary(answer);
    await new Promise<void>((resolve) => {
      canary.server.listen(0, resolve);
    });
    return canary;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
  }
}
