import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { portText, readSettings, setting, type ValuesOf } from './settings.js';

const port = (env: string, fallback: string, what: string) =>
  setting({ env, default: fallback, type: portText, description: `Port of ${what}; 0 picks a free one.` });

/** What the launcher itself reads; everything else in the environment reaches the services as it is. */
export const stackSettings = {
  stateDir: setting({
    env: 'PROXYLET_STATE_DIR',
    default: 'var',
    type: z.string().transform((path) => resolve(path)),
    description: 'Folder of all run-time state.',
  }),
  catalogPort: port('PROXYLET_CATALOG_PORT', '7070', 'the catalog'),
  enginePort: port('PROXYLET_ENGINE_PORT', '7080', 'the engine'),
  idmPort: port('PROXYLET_IDM_PORT', '7090', 'the development IdM'),
  catalogAudience: setting({
    env: 'PROXYLET_CATALOG_AUDIENCE',
    default: 'urn:proxylet:catalog',
    type: z.string(),
    description: 'The `aud` of tokens for the catalog.',
  }),
  engineId: setting({
    env: 'PROXYLET_ENGINE_ID',
    default: 'local',
    type: z.string(),
    description: 'Name of the engine, unique among those one IdM serves.',
  }),
  engineAudience: setting({
    env: 'PROXYLET_ENGINE_AUDIENCE',
    defaultText: 'urn:proxylet:engine:<id>',
    type: z.string().optional(),
    description: 'The `aud` of tokens for the engine.',
  }),
  seedDir: setting({
    env: 'PROXYLET_STACK_SEED_DIR',
    defaultText: 'catalog-data/',
    type: z
      .string()
      .optional()
      .transform((path) => resolve(path ?? fileURLToPath(new URL('../../../catalog-data', import.meta.url)))),
    description: 'Folder of the proxylets and services published at start.',
  }),
} as const;

export type StackConfig = ValuesOf<typeof stackSettings> & {
  /** Environment the services inherit. */
  readonly environment: NodeJS.ProcessEnv;
};

/** @throws Stop 64 */
export function readStackConfig(environment: NodeJS.ProcessEnv = process.env): StackConfig {
  return { ...readSettings(stackSettings, environment), environment };
}
