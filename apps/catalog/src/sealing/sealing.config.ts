import { type SettingType, setting } from '@proxylet/nest';
import { z } from 'zod';

const keys: SettingType<readonly Buffer[]> = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter((word) => word !== ''))
  .refine(
    (words) => words.length > 0 && words.every((word) => /^[A-Za-z0-9+/_-]{43}=?$/.test(word)),
    'must be a key of 32 bytes in base64, or several apart by blanks or commas',
  )
  .transform((words) => words.map((word) => Buffer.from(word, 'base64')));

export const sealingSettings = {
  secretsKeys: setting({
    env: 'PROXYLET_CATALOG_SECRETS_KEY',
    type: keys,
    optional: true,
    secret: true,
    defaultText: 'made once, in the file `secrets.key` of the state folder',
    description:
      'Key that the secrets of webhooks and the signing keys of the catalog are encrypted with in the database: 32 bytes in base64 (`openssl rand -base64 32`). The same for all catalogs on one database. To change it, put the new one before the old one, apart by a comma, and start again; then the old one can go.',
  }),
};
