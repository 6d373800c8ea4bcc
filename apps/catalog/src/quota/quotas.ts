import { Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { addUse, findReserved, findUse, type QuotaRow, type UseRow } from './quota-sql.js';

/** What a namespace may have. */
export interface Quota {
  /** Of archives; uploads under way count with their whole size. */
  readonly bytes: number;
  readonly proxylets: number;
  readonly versions: number;
  /** Versions within one clock hour. */
  readonly publishesPerHour: number;
  /** Resumable uploads open at once. */
  readonly uploads: number;
}

/** What of it is used. */
export type QuotaUse = Quota;

export interface QuotaLook {
  readonly limit: Quota;
  readonly used: QuotaUse;
}

export interface Addition {
  readonly namespace: string;
  readonly bytes: number;
  readonly proxylets: number;
  readonly versions: number;
}

const words: Readonly<Record<keyof Quota, string>> = {
  bytes: 'bytes of archives',
  proxylets: 'proxylets',
  versions: 'versions',
  publishesPerHour: 'publishes per hour',
  uploads: 'open uploads',
};

/** Quotas of namespaces: read, and kept inside the transactions that use them up. */
export class Quotas {
  constructor(private readonly defaults: Quota) {}

  /** What a namespace may have, and has. */
  async look(manager: EntityManager, namespace: string, at: string): Promise<QuotaLook> {
    const [row] = await findUse(manager, [namespace]);
    return await this.lookFrom(manager, namespace, row, at, '');
  }

  /**
   * Counts what a transaction adds. Until the transaction ends no other counts in the namespace, so that parallel
   * requests cannot overshoot: to be called late in it, and in the order of the namespaces where there are several.
   *
   * @param ownUpload upload whose reservation this uses up
   * @throws Problem `quota-exceeded`
   */
  async add(manager: EntityManager, addition: Addition, at: string, ownUpload = ''): Promise<void> {
    const { namespace, bytes, proxylets, versions } = addition;
    const [row] = await addUse(manager, [namespace, bytes, proxylets, versions, hourOf(at)]);
    const { limit, used } = await this.lookFrom(manager, namespace, row, at, ownUpload);
    assertWithin(namespace, limit, used, ['bytes', 'proxylets', 'versions', 'publishesPerHour'], at);
  }

  /** As `add`, for an upload that is about to be opened. @throws Problem `quota-exceeded` */
  async reserve(manager: EntityManager, namespace: string, bytes: number, at: string): Promise<void> {
    const [row] = await addUse(manager, [namespace, 0, 0, 0, hourOf(at)]);
    const { limit, used } = await this.lookFrom(manager, namespace, row, at, '');
    const next = { ...used, bytes: used.bytes + bytes, uploads: used.uploads + 1 };
    assertWithin(namespace, limit, next, ['uploads', 'bytes'], at);
  }

  private async lookFrom(
    manager: EntityManager,
    namespace: string,
    row: UseRow | undefined,
    at: string,
    ownUpload: string,
  ): Promise<QuotaLook> {
    const [reserved] = await findReserved(manager, [namespace, at, ownUpload]);
    return {
      limit: reserved === undefined ? this.defaults : this.withDefaults(reserved),
      used: {
        bytes: Number(row?.bytes ?? 0) + Number(reserved?.open_bytes ?? 0),
        proxylets: row?.proxylets ?? 0,
        versions: row?.versions ?? 0,
        publishesPerHour: row?.hour === hourOf(at) ? row.hour_versions : 0,
        uploads: Number(reserved?.open_uploads ?? 0),
      },
    };
  }

  private withDefaults(row: QuotaRow): Quota {
    const { defaults } = this;
    return {
      bytes: row.bytes === null ? defaults.bytes : Number(row.bytes),
      proxylets: row.proxylets ?? defaults.proxylets,
      versions: row.versions ?? defaults.versions,
      publishesPerHour: row.publishes_per_hour ?? defaults.publishesPerHour,
      uploads: row.uploads ?? defaults.uploads,
    };
  }
}

/** `2026-11-20T10` */
function hourOf(at: string): string {
  return at.slice(0, 13);
}

function assertWithin(
  namespace: string,
  quota: Quota,
  use: QuotaUse,
  kinds: readonly (keyof Quota)[],
  at: string,
): void {
  const kind = kinds.find((each) => use[each] > quota[each]);
  if (kind === undefined) return;
  const [limit, wanted] = [quota[kind], use[kind]];
  const restOfHour = 3600 - (Math.floor(Date.parse(at) / 1000) % 3600);
  throw new Problem(
    'quota-exceeded',
    `The namespace ${namespace} may have ${limit} ${words[kind]}; this would make it ${wanted}.`,
    {
      extra: { quota: kind, limit, wanted },
      retryAfterSeconds: kind === 'publishesPerHour' ? restOfHour : undefined,
    },
  );
}
