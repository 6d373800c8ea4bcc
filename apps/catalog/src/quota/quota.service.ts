import { Inject } from '@nestjs/common';
import { enforce, type Principal } from '@proxylet/auth';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { saveQuota } from './quota-sql.js';
import { type Quota, type QuotaLook, Quotas } from './quotas.js';

export type QuotaView = QuotaLook;

/** Members left out, or null, follow the catalog's settings. */
export type QuotaWish = { readonly [Kind in keyof Quota]?: number | null | undefined };

/** Quotas as admins set them and members see them. */
export class QuotaService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(Quotas) private readonly quotas: Quotas,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** For whoever may publish there, and platform admins. @throws Problem `not-found`, `forbidden` */
  async get(namespace: string, principal: Principal): Promise<QuotaView> {
    await this.namespaces.authorize(principal, 'catalog.publish', namespace);
    return await this.view(namespace);
  }

  /** @throws Problem `not-found`, `forbidden` for all but platform admins */
  async set(namespace: string, wish: QuotaWish, principal: Principal): Promise<QuotaView> {
    enforce(principal, 'catalog.admin', {}, `namespace ${namespace}`);
    await this.namespaces.get(namespace, principal);
    const { bytes, proxylets, versions, publishesPerHour, uploads } = wish;
    const values = [bytes, proxylets, versions, publishesPerHour, uploads].map((value) => value ?? null);
    await this.database.write(`quota ${namespace}`, async (manager) => {
      const at = this.clock.now();
      const before = (await this.quotas.look(manager, namespace, at)).limit;
      await saveQuota(manager, [namespace, ...values]);
      const detail = { before, after: (await this.quotas.look(manager, namespace, at)).limit };
      const actor = principal.key;
      await writeAudit(manager, {
        at,
        actor,
        action: 'quota.set',
        target: namespace,
        detail,
      });
    });
    return await this.view(namespace);
  }

  private async view(namespace: string): Promise<QuotaView> {
    return await this.quotas.look(this.database.read, namespace, this.clock.now());
  }
}
