import { Inject } from '@nestjs/common';
import { parseName } from '@proxylet/contract';
import { Database } from '../database/database.js';
import { ServiceRow, ServiceVersionRow } from '../database/service.entity.js';
import { hiddenOf } from '../rights/hidden.js';
import type { ReadRights } from '../rights/read-rights.js';

/** Which services a reader may hear of: as when it reads them, by the proxylets they name. */
export class ServiceSight {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** @param key `acme/shop@1.0.0` */
  async mayKnow(key: string, rights: ReadRights): Promise<boolean> {
    if (rights.seesAll) return true;
    const [, service = '', version = ''] = /^([^@]+)@(.+)$/.exec(key) ?? [];
    const { namespace, name } = parseName(service);
    const manager = this.database.read;
    const row = await manager
      .createQueryBuilder(ServiceVersionRow, 'v')
      .innerJoin(ServiceRow, 's', 's.id = v.serviceId')
      .where('s.namespace = :namespace AND s.name = :name AND v.version = :version', {
        namespace,
        name,
        version,
      })
      .getOne();
    if (row === null) return false;
    const { proxylets } = JSON.parse(row.definition) as { proxylets: Readonly<Record<string, string>> };
    const hidden = await hiddenOf(manager, new Set(Object.keys(proxylets)), rights);
    return hidden.size === 0 || (await rights.isMember(manager, namespace));
  }
}
