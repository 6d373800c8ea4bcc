import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server that webhooks reach; `/hang` never answers, `/redirect` sends elsewhere, others do as `answer` says. */
export interface TestReceiver extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  readonly received: Received[];
  /** Status by path; 204 where there is none. */
  readonly answers: Map<string, number>;
}

export async function startReceiver(): Promise<TestReceiver> {
  const received: Received[] = [];
  const answers = new Map<string, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      received.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString() });
      if (path === '/hang') return;
      if (path === '/redirect') response.writeHead(307, { location: '/redirected' }).end();
      else response.writeHead(answers.get(path) ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${host}`,
    host,
    received,
    answers,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
