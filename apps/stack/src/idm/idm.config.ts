import { resolve } from 'node:path';
import { z } from 'zod';
import { flagText, jsonText, portText, readSettings, setting, urlText, type ValuesOf } from '../settings.js';
import { exitCodes, Stop } from '../stop.js';

const audiences = z.strictObject({ catalog: z.string().min(1), engine: z.string().min(1) });
export type Audiences = z.output<typeof audiences>;

/** Settings of the development IdM. */
export const idmSettings = {
  host: setting({
    env: 'PROXYLET_IDM_HOST',
    default: '127.0.0.1',
    type: z.string(),
    description: 'Address the development IdM listens on.',
  }),
  port: setting({
    env: 'PROXYLET_IDM_PORT',
    default: '7090',
    type: portText,
    description: 'Port of the development IdM; 0 picks a free one.',
  }),
  publicUrl: setting({
    env: 'PROXYLET_IDM_PUBLIC_URL',
    defaultText: 'http://127.0.0.1:<port>',
    type: urlText.optional(),
    description: 'The issuer: the URL clients and services reach the development IdM at.',
  }),
  audiences: setting({
    env: 'PROXYLET_IDM_AUDIENCES',
    default: '{"catalog":"urn:proxylet:catalog","engine":"urn:proxylet:engine:local"}',
    type: jsonText(audiences),
    description: 'The `aud` of tokens for the catalog and for the engine, as JSON.',
  }),
  tokenTtlSeconds: setting({
    env: 'PROXYLET_IDM_TOKEN_TTL_SECONDS',
    default: '3600',
    type: z
      .string()
      .regex(/^[1-9][0-9]{0,5}$/, 'must be a number of seconds, 1 to 999999')
      .transform(Number),
    description: 'Life of an access token, seconds.',
  }),
  engineSecretFile: setting({
    env: 'PROXYLET_IDM_ENGINE_CLIENT_SECRET_FILE',
    defaultText: '<state>/idm/engine-client-secret',
    type: z.string().optional(),
    description: 'File with the secret of the client `engine-local`; made with a new secret when missing.',
  }),
  stateDir: setting({
    env: 'PROXYLET_STATE_DIR',
    default: 'var',
    type: z.string().transform((path) => resolve(path)),
    description: 'Folder of all run-time state; the IdM keeps its keys in `idm/` below it.',
  }),
  exitWithParent: setting({
    env: 'PROXYLET_EXIT_WITH_PARENT',
    default: '0',
    type: flagText,
    description: 'Stop when standard input ends: the launcher holds it open as long as it lives.',
  }),
} as const;

export type IdmConfig = ValuesOf<typeof idmSettings>;

/** @throws Stop 64 when a setting is wrong, or in production */
export function readIdmConfig(environment: NodeJS.ProcessEnv = process.env): IdmConfig {
  if (environment['NODE_ENV'] === 'production') {
    throw new Stop(
      exitCodes.usage,
      'The development IdM hands out tokens without a password and does not run with NODE_ENV=production: name your own OIDC issuer in PROXYLET_AUTH_ISSUERS.',
    );
  }
  return readSettings(idmSettings, environment);
}
