import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServiceProcess } from '@proxylet/testing';
import { secretsKey } from './secrets-key.js';
import { startIssuer, type TestIssuer } from './issuer.js';

export interface CatalogProcess extends AsyncDisposable {
  readonly service: ServiceProcess;
  readonly issuer: TestIssuer;
  /** State folder of the catalog itself. */
  readonly folder: string;
}

/** The built catalog as its own process, with an issuer it trusts. */
export async function startCatalogProcess(
  environment: Readonly<Record<string, string>> = {},
): Promise<CatalogProcess> {
  const stateDir = await mkdtemp(join(tmpdir(), 'catalog-'));
  const issuer = await startIssuer();
  const service = new ServiceProcess({
    name: 'catalog',
    main: fileURLToPath(new URL('../../dist/main.js', import.meta.url)),
    settings: (port) => ({
      PROXYLET_STATE_DIR: stateDir,
      PROXYLET_CATALOG_PORT: String(port),
      PROXYLET_LOG_LEVEL: 'warn',
      PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: issuer.url, algs: ['ES256'] }]),
      // The same for all that share a database.
      PROXYLET_CATALOG_SECRETS_KEY: secretsKey,
      ...environment,
    }),
  });
  await service.start();
  return {
    service,
    issuer,
    folder: join(stateDir, 'catalog'),
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      await issuer[Symbol.asyncDispose]();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
}
