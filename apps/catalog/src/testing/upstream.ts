import { createServer as createHttpServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer, type Server as NetServer, type Socket } from 'node:net';
import type { CatalogUnderTest } from './catalog-under-test.js';

/** A catalog behind a line that can be cut, and what a mirror of it is set to. */
export interface TestUpstream extends AsyncDisposable {
  readonly settings: Readonly<Record<string, string>>;
  /** Cuts every connection and takes no new one. */
  cut(): void;
  mend(): void;
}

export async function lineTo(upstream: CatalogUnderTest): Promise<TestUpstream> {
  let isCut = false;
  const sockets = new Set<Socket>();
  const { port } = new URL(upstream.url);
  const line = createServer((socket) => {
    if (isCut) return void socket.destroy();
    const onward = connect(Number(port), '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
    return undefined;
  });
  const tokens = createHttpServer((_request, response) => {
    void upstream.issuer
      .token({ subject: 'mirror', scope: 'catalog:read' })
      .then((token) =>
        response
          .setHeader('content-type', 'application/json')
          .end(JSON.stringify({ access_token: token, expires_in: 300 })),
      );
  });
  return {
    settings: {
      PROXYLET_CATALOG_UPSTREAM_URL: await listen(line),
      PROXYLET_CATALOG_UPSTREAM_CLIENT_ID: 'mirror',
      PROXYLET_CATALOG_UPSTREAM_CLIENT_SECRET: 'secret',
      PROXYLET_CATALOG_UPSTREAM_TOKEN_URL: `${await listen(tokens)}/token`,
      PROXYLET_CATALOG_UPSTREAM_TIMEOUT_MS: '3000',
    },
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend: () => {
      isCut = false;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      tokens.closeAllConnections();
      await Promise.all([line, tokens].map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

async function listen(server: Server | NetServer): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
