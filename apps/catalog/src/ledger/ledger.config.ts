import { setting, value } from '@proxylet/nest';

/** Settings of the change feed. */
export const ledgerSettings = {
  changesKept: setting({
    env: 'PROXYLET_CATALOG_CHANGES_KEPT',
    type: value.int({ min: 1, max: 100_000_000 }),
    default: '1000000',
    description: 'Changes the feed keeps at least; whoever reads less often than they pass must read afresh.',
  }),
};
