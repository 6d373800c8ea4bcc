import { type Guest, GuestVisibleError, type HostServices, type KvOperation } from '../types.js';

/** Answer of an operation that comes whole. */
export interface WholeAnswer {
  readonly text: string;
  readonly bytes?: Uint8Array | undefined;
}

const maxListLimit = 1000;

/** Carries out a `kv.…` operation; undefined for one that does not exist. */
export async function kvOperation(
  services: HostServices,
  guest: Guest,
  { kind, payload, bytes }: { readonly kind: string; readonly payload: string; readonly bytes: Buffer },
): Promise<WholeAnswer | undefined> {
  const operation = parseKv(kind, payload, bytes);
  if (operation === undefined) return undefined;
  const result = await services.kv(guest, operation);
  switch (result.op) {
    case 'get':
      return { text: JSON.stringify({ version: result.entry?.version ?? 0 }), bytes: result.entry?.value };
    case 'put':
      return { text: JSON.stringify({ version: result.version ?? null }) };
    case 'delete':
      return { text: JSON.stringify({ existed: result.existed }) };
    case 'list':
      return { text: JSON.stringify({ keys: result.keys, cursor: result.cursor ?? null }) };
    default:
      return result satisfies never;
  }
}

function parseKv(kind: string, payload: string, bytes: Buffer): KvOperation | undefined {
  const input = JSON.parse(payload) as Record<string, unknown>;
  const key = stringOf(input['key']);
  switch (kind) {
    case 'kv.get':
      return { op: 'get', key };
    case 'kv.delete':
      return { op: 'delete', key };
    case 'kv.put':
      return {
        op: 'put',
        key,
        value: bytes,
        ttlSeconds: numberOf(input['ttl']),
        ifVersion: numberOf(input['ifVersion']),
      };
    case 'kv.list': {
      const limit = Math.min(Math.max(1, Math.trunc(numberOf(input['limit']) ?? maxListLimit)), maxListLimit);
      const cursor =
        input['cursor'] === undefined || input['cursor'] === null ? undefined : stringOf(input['cursor']);
      return { op: 'list', prefix: stringOf(input['prefix']), limit, cursor };
    }
    default:
      return undefined;
  }
}

export function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = Number(value);
  if (Number.isFinite(number) && number >= 0) return number;
  throw new GuestVisibleError('TypeError', 'a number of 0 or more is needed');
}
