import { setting, value } from '@proxylet/nest';

export const sealingSettings = {
  secretsKeys: setting({
    env: 'PROXYLET_CATALOG_SECRETS_KEY',
    type: value.sealingKeys(),
    optional: true,
    secret: true,
    defaultText: 'made once, in the file `secrets.key` of the state folder',
    description:
      'Key that the secrets of webhooks and the signing keys of the catalog are encrypted with in the database: 32 bytes in base64 (`openssl rand -base64 32`). The same for all catalogs on one database. To change it, put the new one before the old one, apart by a comma, and start again; then the old one can go.',
  }),
};
