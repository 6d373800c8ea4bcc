import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { readIfThere, writeSecretFile } from '../files.js';
import { exitCodes, Stop, systemCode } from '../stop.js';
import { answerDevToken, sendJson } from './dev-token-route.js';
import type { IdmConfig } from './idm.config.js';
import { loadKeys, loadSecret } from './keys.js';
import { createProvider } from './provider.js';

export interface Idm {
  /** The issuer. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Starts the development IdM. It binds first, for with port 0 the issuer is known only then; a request that comes
 * before the provider stands waits for it.
 *
 * @throws Stop 69 when the port is taken, 73 when the state folder cannot be written
 */
export async function startIdm(config: IdmConfig, log: Logger): Promise<Idm> {
  const folder = join(config.stateDir, 'idm');
  const keys = await loadKeys(folder);
  const engineSecret = await loadSecret(config.engineSecretFile ?? join(folder, 'engine-client-secret'));
  const { promise: handler, resolve } = Promise.withResolvers<RequestListener>();
  const server = createServer((request, response) => {
    void handler.then((handle) => handle(request, response));
  });
  const portFile = join(folder, 'port');
  const port = await listenAgain(server, config, Number(await readIfThere(portFile)));
  if (config.port === 0) await writeSecretFile(portFile, `${port}\n`);
  const issuer = config.publicUrl ?? `http://${urlHost(config.host)}:${port}`;
  const provider = createProvider({
    issuer,
    keys,
    engineSecret,
    audiences: config.audiences,
    tokenTtlSeconds: config.tokenTtlSeconds,
  });
  provider.on('server_error', (_ctx, error) => log.error({ err: error }, 'request failed'));
  const hosts = allowedHosts(issuer, port);
  const fallback = provider.callback();
  resolve((request, response) => {
    route(request, response).catch((error: unknown) => {
      log.error({ err: error }, 'request failed');
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: 'server_error' });
    });
  });

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Another name in Host means a page that rebound its own name to this address.
    if (!hosts.has(request.headers.host?.toLowerCase() ?? '')) {
      sendJson(response, 421, { error: 'invalid_request', error_description: 'not a name of this server' });
      return;
    }
    const path = request.url?.split('?', 1)[0];
    if (path === '/health/live') sendJson(response, 200, { status: 'ok' });
    else if (path === '/dev/token') await answerDevToken({ ...config, provider }, request, response);
    else await fallback(request, response);
  }

  return { url: issuer, close: () => close(server) };
}

/** A free port is kept over restarts where it can be: the issuer's name holds it, and users are known by the issuer. */
async function listenAgain(server: Server, config: IdmConfig, lastPort: number): Promise<number> {
  if (config.port === 0 && lastPort > 0) {
    try {
      return await listen(server, { ...config, port: lastPort });
    } catch {
      // Somebody else has it now: any other will do.
    }
  }
  return listen(server, config);
}

async function listen(server: Server, { host, port }: IdmConfig): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    throw new Stop(
      systemCode(error) === 'EADDRINUSE' || systemCode(error) === 'EACCES'
        ? exitCodes.unavailable
        : exitCodes.usage,
      `The development IdM cannot listen on ${host}:${port} (${systemCode(error) ?? 'unknown reason'}): stop what holds the port, or set PROXYLET_IDM_PORT to another (0 picks a free one).`,
      { cause: error },
    );
  }
  return (server.address() as AddressInfo).port;
}

function allowedHosts(issuer: string, port: number): ReadonlySet<string> {
  return new Set([
    new URL(issuer).host,
    ...['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`),
  ]);
}

function urlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), 1000);
  await promise;
  clearTimeout(timer);
}
