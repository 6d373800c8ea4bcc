import type { ChangeRow } from '../database/ledger.entity.js';

export const cloudEventType = 'application/cloudevents+json; charset=utf-8';

/** A change as CloudEvents 1.0 in its structured JSON form. */
export function cloudEventOf(change: ChangeRow, epoch: string, source: string): string {
  const { seq, kind, key, namespace, digest, at } = change;
  const data = JSON.parse(change.data) as Record<string, unknown>;
  return JSON.stringify({
    specversion: '1.0',
    id: `${epoch}:${seq}`,
    source,
    type: `proxylet.${kind}`,
    subject: key,
    time: at,
    datacontenttype: 'application/json',
    data: { seq, namespace, key, ...(digest === null ? {} : { digest }), ...data },
  });
}
