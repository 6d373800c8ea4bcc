import { type ConfigOf, commonSettings, ConfigFault, loadConfig, setting, value } from '@proxylet/nest';
import { z } from 'zod';
import { deliverySettings } from './blob/delivery.config.js';
import { frontSettings } from './front/front.config.js';
import { bundleSettings } from './bundle/bundle.config.js';
import { ledgerSettings } from './ledger/ledger.config.js';
import { rightsSettings } from './rights/rights.config.js';
import { mirrorSettings } from './mirror/mirror.config.js';
import { sealingSettings } from './sealing/sealing.config.js';
import { webhookSettings } from './webhook/webhook.config.js';
import { publishSettings } from './publish/publish.config.js';
import { tufSettings } from './tuf/tuf.config.js';

const databaseUrl = z
  .string()
  .refine(
    (text) => /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text),
    'must be an address such as postgres://user:password@host/database',
  );

export const catalogSettings = {
  ...commonSettings({ app: 'CATALOG', port: 7070, audience: 'urn:proxylet:catalog' }),
  databaseUrl: setting({
    env: 'PROXYLET_CATALOG_DATABASE_URL',
    type: databaseUrl,
    optional: true,
    secret: true,
    defaultText: 'an SQLite file in the state folder',
    description: 'PostgreSQL database to keep the catalog in.',
  }),
  s3Endpoint: setting({
    env: 'PROXYLET_CATALOG_S3_ENDPOINT',
    type: value.url(),
    optional: true,
    defaultText: 'none: artifacts are files in the state folder',
    description: 'S3 server to keep artifacts in, as `https://host` or with a port.',
  }),
  s3Bucket: setting({
    env: 'PROXYLET_CATALOG_S3_BUCKET',
    type: value.text({ min: 3, max: 63 }),
    default: 'proxylet',
    description: 'Bucket for artifacts; made when it is not there.',
  }),
  s3Region: setting({
    env: 'PROXYLET_CATALOG_S3_REGION',
    type: value.text({ max: 64 }),
    default: 'us-east-1',
    description: 'Region the S3 server signs for.',
  }),
  s3AccessKey: setting({
    env: 'PROXYLET_CATALOG_S3_ACCESS_KEY',
    type: value.text({ max: 256 }),
    optional: true,
    secret: true,
    description: 'Access key at the S3 server; needed with an endpoint.',
  }),
  s3SecretKey: setting({
    env: 'PROXYLET_CATALOG_S3_SECRET_KEY',
    type: value.text({ max: 256 }),
    optional: true,
    secret: true,
    description: 'Secret key at the S3 server; needed with an endpoint.',
  }),
  ...deliverySettings,
  ...publishSettings,
  ...frontSettings,
  ...ledgerSettings,
  ...rightsSettings,
  ...sealingSettings,
  ...webhookSettings,
  ...mirrorSettings,
  ...bundleSettings,
  ...tufSettings,
};
export type CatalogConfig = ConfigOf<typeof catalogSettings>;

/** @throws ConfigFault */
export function loadCatalogConfig(): CatalogConfig {
  const config = loadConfig(catalogSettings, process.env);
  if (
    config.s3Endpoint !== undefined &&
    (config.s3AccessKey === undefined || config.s3SecretKey === undefined)
  ) {
    throw new ConfigFault([
      'PROXYLET_CATALOG_S3_ENDPOINT needs PROXYLET_CATALOG_S3_ACCESS_KEY and PROXYLET_CATALOG_S3_SECRET_KEY',
    ]);
  }
  if (config.delivery === 'redirect' && config.s3Endpoint === undefined) {
    throw new ConfigFault([
      'PROXYLET_CATALOG_DELIVERY can be redirect only with PROXYLET_CATALOG_S3_ENDPOINT',
    ]);
  }
  if (
    config.upstreamUrl !== undefined &&
    (config.upstreamClientId === undefined || config.upstreamClientSecret === undefined)
  ) {
    throw new ConfigFault([
      'PROXYLET_CATALOG_UPSTREAM_URL needs PROXYLET_CATALOG_UPSTREAM_CLIENT_ID and PROXYLET_CATALOG_UPSTREAM_CLIENT_SECRET',
    ]);
  }
  return config;
}
