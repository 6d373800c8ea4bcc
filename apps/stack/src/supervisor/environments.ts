import { join } from 'node:path';
import type { StackConfig } from '../stack.config.js';

/** Folder in which the IdM makes the secret it shares with the engine. */
export function engineSecretFile({ stateDir }: StackConfig): string {
  return join(stateDir, 'idm/engine-client-secret');
}

export function idmEnvironment(config: StackConfig): NodeJS.ProcessEnv {
  const { engineId, engineAudience, catalogAudience } = config;
  const audiences = { catalog: catalogAudience, engine: engineAudience ?? `urn:proxylet:engine:${engineId}` };
  return withDefaults(config, {
    PROXYLET_IDM_AUDIENCES: JSON.stringify(audiences),
    PROXYLET_IDM_ENGINE_CLIENT_SECRET_FILE: engineSecretFile(config),
  });
}

export function catalogEnvironment(config: StackConfig, idmUrl: string): NodeJS.ProcessEnv {
  return withDefaults(config, issuersOf(config, idmUrl));
}

export function engineEnvironment(
  config: StackConfig,
  idmUrl: string,
  catalogUrl: string,
): NodeJS.ProcessEnv {
  const { environment } = config;
  return withDefaults(config, {
    ...issuersOf(config, idmUrl),
    PROXYLET_ENGINE_CATALOG_URL: catalogUrl,
    ...(isSet(environment['PROXYLET_ENGINE_CLIENT_SECRET'])
      ? {}
      : { PROXYLET_ENGINE_CLIENT_SECRET_FILE: engineSecretFile(config) }),
  });
}

function issuersOf({ environment }: StackConfig, idmUrl: string): NodeJS.ProcessEnv {
  if (isSet(environment['PROXYLET_AUTH_ISSUERS_FILE'])) return {};
  return { PROXYLET_AUTH_ISSUERS: JSON.stringify([{ issuer: idmUrl }]) };
}

/** What the user set stays, and an empty value counts as unset; the state folder is handed on as an absolute path. */
function withDefaults(config: StackConfig, defaults: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const set = Object.entries(config.environment).filter(([, value]) => value !== '');
  return { ...defaults, ...Object.fromEntries(set), PROXYLET_STATE_DIR: config.stateDir };
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}
