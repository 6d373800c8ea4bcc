import { Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { assertIfMatch, etagOf } from '@proxylet/nest';
import { type EntityManager, IsNull } from 'typeorm';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { PublishTokenRow, TrustPolicyRow } from '../database/rights.entity.js';
import { isForbiddenLiteral } from '../http/checked-address.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import type { Tagged } from '../proxylet/proxylet.service.js';
import { POLICY_ISSUERS } from '../tokens.js';
import { policyViewOf, type TrustPolicyView, type TrustPolicyWish } from './trust-policy.js';

const maxPolicies = 50;

/** One for changes of policies and for exchanges, so that no token is given under a policy that is gone. */
export const trustTopic = 'trust policies';

/** Which jobs of which CI may publish into a namespace, without a secret being kept anywhere. */
export class TrustPolicyService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(POLICY_ISSUERS) private readonly issuers: readonly string[] | null,
  ) {}

  /** @throws Problem `insufficient-scope`, `not-found`, `forbidden` */
  async list(
    namespace: string,
    principal: Principal,
  ): Promise<{ readonly items: readonly TrustPolicyView[] }> {
    await this.namespaces.authorize(principal, 'catalog.manage-namespace', namespace);
    const rows = await this.database.read.find(TrustPolicyRow, {
      where: { namespace },
      order: { id: 'ASC' },
    });
    return { items: rows.map(policyViewOf) };
  }

  /** @throws Problem `insufficient-scope`, `not-found`, `forbidden` */
  async get(namespace: string, id: string, principal: Principal): Promise<Tagged<TrustPolicyView>> {
    await this.namespaces.authorize(principal, 'catalog.manage-namespace', namespace);
    const row = await this.database.read.findOneBy(TrustPolicyRow, { namespace, id });
    if (row !== null) return { view: policyViewOf(row), etag: etagOfPolicy(row) };
    throw new Problem('not-found', `The namespace ${namespace} has no trust policy ${id}.`);
  }

  /**
   * Makes or replaces a policy. Tokens given under what it was before are revoked.
   *
   * @throws Problem `insufficient-scope`, `not-found`, `forbidden`, `precondition-failed`, `quota-exceeded`,
   *   `invalid-request` for an issuer the operator does not admit
   */
  async put(
    namespace: string,
    id: string,
    wish: TrustPolicyWish,
    ifMatch: string | undefined,
    principal: Principal,
  ): Promise<Tagged<TrustPolicyView> & { readonly isNew: boolean }> {
    const isNew = await this.database.write(trustTopic, async (manager) => {
      await this.namespaces.authorize(principal, 'catalog.manage-namespace', namespace, manager);
      this.assertAdmitted(wish.issuer);
      const before = await manager.findOneBy(TrustPolicyRow, { namespace, id });
      assertIfMatch(ifMatch, before === null ? '' : etagOfPolicy(before));
      if (before === null && (await manager.countBy(TrustPolicyRow, { namespace })) >= maxPolicies) {
        throw new Problem('quota-exceeded', `A namespace has at most ${maxPolicies} trust policies.`);
      }
      const at = this.clock.now();
      await manager.save(TrustPolicyRow, rowOf(namespace, id, wish, principal.key, at));
      await revokeTokensOf(manager, namespace, id, at);
      await writeAudit(manager, {
        at,
        actor: principal.key,
        action: 'trust-policy.set',
        target: `${namespace}/${id}`,
        detail: { before: before === null ? null : policyViewOf(before), after: wish },
      });
      return before === null;
    });
    return { ...(await this.get(namespace, id, principal)), isNew };
  }

  /** Removing what is not there is fine. Tokens given under it are revoked. @throws as `get` */
  async remove(namespace: string, id: string, principal: Principal): Promise<void> {
    await this.database.write(trustTopic, async (manager) => {
      await this.namespaces.authorize(principal, 'catalog.manage-namespace', namespace, manager);
      const before = await manager.findOneBy(TrustPolicyRow, { namespace, id });
      if (before === null) return;
      const at = this.clock.now();
      await manager.delete(TrustPolicyRow, { namespace, id });
      await revokeTokensOf(manager, namespace, id, at);
      await writeAudit(manager, {
        at,
        actor: principal.key,
        action: 'trust-policy.remove',
        target: `${namespace}/${id}`,
        detail: { before: policyViewOf(before) },
      });
    });
  }

  private assertAdmitted(issuer: string): void {
    if (this.issuers === null) {
      if (issuer.startsWith('https:') && !isForbiddenLiteral(issuer, [])) return;
      throw new Problem('invalid-request', 'That issuer is not on the public internet.', {
        errors: [{ pointer: '/body/issuer', detail: 'must be an https address on the public internet' }],
      });
    }
    if (this.issuers.includes(issuer)) return;
    throw new Problem('invalid-request', 'This catalog does not admit that issuer in trust policies.', {
      errors: [{ pointer: '/body/issuer', detail: `must be one of ${this.issuers.join(', ')}` }],
    });
  }
}

function rowOf(
  namespace: string,
  id: string,
  { issuer, audience, claims, actions, proxylets }: TrustPolicyWish,
  createdBy: string,
  createdAt: string,
): TrustPolicyRow {
  return {
    namespace,
    id,
    issuer,
    audience,
    claims: JSON.stringify(claims),
    actions: JSON.stringify(actions),
    proxylets: JSON.stringify(proxylets),
    createdBy,
    createdAt,
  };
}

function etagOfPolicy(row: TrustPolicyRow): string {
  return etagOf(row.namespace, row.id, row.createdAt, JSON.stringify(policyViewOf(row)));
}

async function revokeTokensOf(
  manager: EntityManager,
  namespace: string,
  id: string,
  at: string,
): Promise<void> {
  await manager.update(
    PublishTokenRow,
    { policy: `${namespace}/${id}`, revokedAt: IsNull() },
    { revokedAt: at },
  );
}
