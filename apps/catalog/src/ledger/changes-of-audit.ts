import { visibilities, type Visibility } from '@proxylet/contract';
import type { AuditRow, ChangeRow } from '../database/ledger.entity.js';

/** Actions of the audit that readers of the feed hear of, and as what. Members, tokens and such are nobody else's. */
const kinds: Readonly<Record<string, string>> = {
  'namespace.create': 'namespace.created',
  'namespace.transfer': 'namespace.transferred',
  'version.publish': 'version.published',
  'version.state': 'version.state',
  'channel.move': 'channel.moved',
  'proxylet.visibility': 'proxylet.visibility',
  'service.register': 'service.registered',
  'signing-key.add': 'signing-key.changed',
  'signing-key.state': 'signing-key.changed',
  'version.sign': 'version.signed',
};

/** Every kind of change there is; webhooks choose among them. */
export const changeKinds: readonly string[] = [...new Set(Object.values(kinds))];

/** Members of an entry's detail that its change tells too; what a caller's token was is nobody's business. */
const told = ['version', 'before', 'after', 'reason', 'severity', 'sizeBytes'] as const;

/** What the feed tells of an audit row; undefined where it tells nothing. */
export function changeOf(row: AuditRow): Omit<ChangeRow, 'seq'> | undefined {
  const kind = kinds[row.action];
  if (kind === undefined) return undefined;
  const detail = JSON.parse(row.detail) as Readonly<Record<string, unknown>>;
  const digest = detail['digest'];
  return {
    kind,
    key: row.target,
    namespace: row.namespace,
    proxylet: kind.startsWith('service.') ? null : (/^[^/]+\/([^@#]+)/.exec(row.target)?.[1] ?? null),
    shownAs: kind === 'proxylet.visibility' ? wider(detail['before'], detail['after']) : null,
    digest: typeof digest === 'string' ? digest : null,
    at: row.at,
    data: JSON.stringify(Object.fromEntries(told.flatMap((name) => memberOf(detail, name)))),
  };
}

function memberOf(detail: Readonly<Record<string, unknown>>, name: string): [string, unknown][] {
  return detail[name] === undefined ? [] : [[name, detail[name]]];
}

/** A proxylet that goes out of somebody's sight does so before that somebody's eyes. */
function wider(before: unknown, after: unknown): Visibility | null {
  const narrowness = visibilities.findIndex((visibility) => visibility === before);
  const known = visibilities[narrowness];
  return known !== undefined && narrowness < visibilities.findIndex((v) => v === after) ? known : null;
}
