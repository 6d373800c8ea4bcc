import { setting, value } from '@proxylet/nest';

export const bundleSettings = {
  importMaxMb: setting({
    env: 'PROXYLET_CATALOG_IMPORT_MAX_MB',
    type: value.int({ min: 1, max: 65_536 }),
    default: '2048',
    description: 'Largest file an import takes, MB; it lies in the state folder while it is checked.',
  }),
};
