import { Writable } from 'node:stream';
import type { DynamicModule, Type } from '@nestjs/common';
import { pino } from 'pino';
import { TestIssuer, temporaryFolder } from '../../auth/test/test-issuer.js';
import { commonSettings } from '../src/config/common-settings.js';
import { loadConfig } from '../src/config/load-config.js';
import { type AppOptions, createApp, type ServiceApp } from '../src/service/create-app.js';

export interface TestService extends AsyncDisposable {
  readonly service: ServiceApp;
  readonly issuer: TestIssuer;
  readonly url: string;
  /** Every log line so far, as text. */
  readonly lines: string[];
  fetch(path: string, init?: RequestInit & { token?: string; duplex?: 'half' }): Promise<Response>;
}

export interface TestServiceOptions extends Partial<AppOptions> {
  readonly env?: Record<string, string>;
  /** Algorithm the issuer signs with; RS256 by default. */
  readonly alg?: string;
}

/** A listening service around the module, with a real issuer of its own. */
export async function startService(
  module: Type | DynamicModule,
  { env = {}, alg = 'RS256', ...options }: TestServiceOptions = {},
): Promise<TestService> {
  const issuer = await TestIssuer.start(alg);
  const folder = await temporaryFolder();
  const lines: string[] = [];
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk));
      done();
    },
  });
  const http = loadConfig(commonSettings({ app: 'CATALOG', port: 0, audience: 'urn:proxylet:test' }), {
    PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: issuer.url, algs: [alg] }]),
    PROXYLET_STATE_DIR: folder.path,
    ...env,
  });
  const log = pino({ level: 'debug' }, sink);
  const service = await createApp({
    name: 'test',
    version: '1.2.3',
    module,
    http,
    stateDir: folder.path,
    log,
    ...options,
  });
  const url = await service.listen();
  return {
    service,
    issuer,
    url,
    lines,
    fetch: (path, { token, headers, ...init } = {}) =>
      fetch(`${url}${path}`, {
        ...init,
        headers: {
          ...(headers as Record<string, string>),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      }),
    [Symbol.asyncDispose]: async () => {
      await service.close();
      await issuer[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
