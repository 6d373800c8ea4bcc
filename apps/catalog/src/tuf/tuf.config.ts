import { setting, value } from '@proxylet/nest';

export const tufSettings = {
  signedMetadata: setting({
    env: 'PROXYLET_CATALOG_SIGNED_METADATA',
    type: value.flag(),
    default: 'false',
    description:
      'Whether the catalog signs what it says of public proxylets, as TUF metadata under `/v1/tuf`, so that readers notice tampering, rollback and freeze.',
  }),
};
