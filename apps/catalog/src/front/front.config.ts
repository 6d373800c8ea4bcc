import { setting, value } from '@proxylet/nest';

export const frontSettings = {
  cacheMb: setting({
    env: 'PROXYLET_CATALOG_CACHE_MB',
    type: value.int({ max: 65_536 }),
    default: '32',
    description:
      'Memory for ready-made answers: public metadata and small archives, in MB. 0 reads all from the database and the store.',
  }),
};
