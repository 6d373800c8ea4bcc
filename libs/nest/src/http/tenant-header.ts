import type { IncomingMessage } from 'node:http';

/** The tenant a request selects: FIWARE's header, or that of NGSI-LD. Grants nothing; see `inTenant`. */
export function tenantHeaderOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const selected = headers['fiware-service'] ?? headers['ngsild-tenant'];
  return Array.isArray(selected) ? selected.join(',') : selected;
}
