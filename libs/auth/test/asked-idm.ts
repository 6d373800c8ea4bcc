import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AskedQuestion {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** An identity manager that is asked about tokens: on a real socket, with the answer a test gives it. */
export class AskedIdm implements AsyncDisposable {
  readonly questions: AskedQuestion[] = [];
  status = 200;
  /** By token, of a form field or a Bearer header; what is not here is answered as unknown. */
  readonly known = new Map<string, unknown>();
  /** How unknown tokens are answered. */
  unknown: { status: number; body: unknown } = { status: 200, body: { active: false } };
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<AskedIdm> {
    const server = createServer();
    const idm = new AskedIdm(server);
    server.on('request', (request, response) => {
      void idm.#serve(request, response);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    return idm;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#answer(request);
    response.writeHead(status, { 'content-type': 'application/json', location: '/elsewhere' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  }

  async #answer(request: IncomingMessage): Promise<{ status: number; body: unknown }> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { authorization } = request.headers;
    this.questions.push({ path: request.url ?? '', authorization, body });
    const token = new URLSearchParams(body).get('token') ?? authorization?.replace(/^Bearer /, '') ?? '';
    if (this.status !== 200) return { status: this.status, body: {} };
    const answer = this.known.get(token);
    return answer === undefined ? this.unknown : { status: 200, body: answer };
  }
}
