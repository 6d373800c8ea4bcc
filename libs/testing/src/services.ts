import { join } from 'node:path';
import { ServiceProcess } from './service-process.js';
import { inWorkspace } from './workspace.js';

/** Settings beyond those every test stack has, by environment variable. */
export type Settings = Readonly<Record<string, string>>;

export interface ServiceOptions {
  readonly stateDir: string;
  readonly settings: Settings | undefined;
}

export function idmProcess({ stateDir, settings }: ServiceOptions): ServiceProcess {
  return new ServiceProcess({
    name: 'IdM',
    main: inWorkspace('apps/stack/dist/idm/main.js'),
    settings: (port) => ({ PROXYLET_STATE_DIR: stateDir, PROXYLET_IDM_PORT: String(port), ...settings }),
  });
}

export interface CatalogOptions extends ServiceOptions {
  /** Profiles of the issuers it trusts. */
  readonly issuers: readonly object[];
  /** For catalogs that share a database; one by itself makes its own. */
  readonly secretsKey?: string | undefined;
}

export function catalogProcess(options: CatalogOptions): ServiceProcess {
  return new ServiceProcess({
    name: 'catalog',
    main: inWorkspace('apps/catalog/dist/main.js'),
    settings: (port) => ({
      PROXYLET_STATE_DIR: options.stateDir,
      PROXYLET_CATALOG_PORT: String(port),
      PROXYLET_AUTH_ISSUERS: JSON.stringify(options.issuers),
      ...(options.secretsKey === undefined ? {} : { PROXYLET_CATALOG_SECRETS_KEY: options.secretsKey }),
      ...options.settings,
    }),
  });
}

export interface EngineOptions extends ServiceOptions {
  /** Profiles of the issuers it trusts. */
  readonly issuers: readonly object[];
  readonly catalogUrl: string;
}

export function engineProcess({ stateDir, settings, issuers, catalogUrl }: EngineOptions): ServiceProcess {
  return new ServiceProcess({
    name: 'engine',
    main: inWorkspace('apps/engine/dist/main.js'),
    settings: (port) => ({
      PROXYLET_STATE_DIR: stateDir,
      PROXYLET_ENGINE_PORT: String(port),
      PROXYLET_AUTH_ISSUERS: JSON.stringify(issuers),
      PROXYLET_ENGINE_CATALOG_URL: catalogUrl,
      PROXYLET_ENGINE_CLIENT_SECRET_FILE: join(stateDir, 'idm/engine-client-secret'),
      ...settings,
    }),
  });
}
