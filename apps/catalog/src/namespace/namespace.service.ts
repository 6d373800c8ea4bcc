import { Inject } from '@nestjs/common';
import { type Action, can, enforce, isGranted, type Principal } from '@proxylet/auth';
import { parseName, Problem, type Visibility } from '@proxylet/contract';
import { type EntityManager, Not } from 'typeorm';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { assertNamespaceIsClear } from '../confusable/name-guard.js';
import { Database } from '../database/database.js';
import { type MemberRole, MemberRow, NamespaceRow } from '../database/namespace.entity.js';
import { NamespaceOrigin } from '../mirror/namespace-origin.js';
import { findProxylet } from '../proxylet/version-queries.js';
import { roleIn } from '../rights/membership.js';
import { ReadRights } from '../rights/read-rights.js';
import { assertNotReserved, canonicalOf } from './canonical.js';
import { memberKey } from './member-key.js';

export interface NamespaceView {
  readonly name: string;
  readonly createdAt: string;
  /** The caller's own. */
  readonly role?: MemberRole;
  /** For members and platform admins. */
  readonly defaultVisibility?: Visibility;
  /** For members and platform admins. */
  readonly members?: readonly { readonly principal: string; readonly role: MemberRole }[];
}

export interface Transfer {
  readonly to: string;
  readonly keep?: MemberRole | undefined;
  readonly reason: string;
}

export class NamespaceService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(NamespaceOrigin) private readonly origin: NamespaceOrigin,
  ) {}

  /**
   * Makes the caller the owner of a new namespace; for its owner it changes nothing.
   *
   * @param allowConfusable a platform admin lets a name pass that could be taken for another
   * @throws Problem `namespace-reserved`, `namespace-taken`, `name-confusable`
   */
  async create(
    name: string,
    principal: Principal,
    allowConfusable = false,
  ): Promise<{ readonly isNew: boolean; readonly view: NamespaceView }> {
    const isNew = await this.database.write(`namespace ${canonicalOf(name)}`, (manager) =>
      this.createIn(manager, name, principal, allowConfusable),
    );
    return { isNew, view: await this.get(name, principal) };
  }

  /**
   * As `create`, inside another's transaction, which has the topic `namespace <canonical name>`.
   *
   * @returns false where the namespace is the caller's already
   */
  async createIn(
    manager: EntityManager,
    name: string,
    principal: Principal,
    allowConfusable = false,
  ): Promise<boolean> {
    enforce(principal, 'catalog.create-namespace', {}, `namespace ${name}`);
    assertNotReserved(name);
    const near = await manager.findOneBy(NamespaceRow, { canonical: canonicalOf(name) });
    if (near !== null) return await this.assertOwn(near, name, principal, manager);
    const at = this.clock.now();
    const actor = principal.key;
    await assertNamespaceIsClear(manager, name, { principal, allowConfusable, at });
    await manager.insert(NamespaceRow, {
      name,
      canonical: canonicalOf(name),
      createdBy: actor,
      createdAt: at,
    });
    await manager.insert(MemberRow, {
      namespace: name,
      principal: actor,
      role: 'owner',
      addedBy: actor,
      addedAt: at,
    });
    await writeAudit(manager, { at, actor, action: 'namespace.create', target: name });
    return true;
  }

  private async assertOwn(
    near: NamespaceRow,
    name: string,
    principal: Principal,
    manager: EntityManager,
  ): Promise<false> {
    if (near.name !== name) {
      throw new Problem(
        'name-confusable',
        `The namespace ${name} could be taken for ${near.name}, which exists.`,
      );
    }
    if ((await roleIn(manager, principal, name)) === 'owner') return false;
    throw new Problem('namespace-taken', `The namespace ${name} belongs to somebody else.`);
  }

  /** @throws Problem `not-found` */
  async get(name: string, principal: Principal): Promise<NamespaceView> {
    const row = await this.find(name, this.database.read);
    const members = await this.database.read.find(MemberRow, {
      where: { namespace: name },
      order: { principal: 'ASC' },
    });
    const role = await roleIn(this.database.read, principal, name);
    const maySee = role !== undefined || can(principal, 'catalog.admin') === 'allow';
    return {
      name,
      createdAt: row.createdAt,
      ...(role === undefined ? {} : { role }),
      ...(maySee
        ? {
            defaultVisibility: row.defaultVisibility,
            members: members.map((member) => ({ principal: member.principal, role: member.role })),
          }
        : {}),
    };
  }

  /** @throws Problem `not-found`, `insufficient-scope`, `forbidden`, `invalid-request`, `in-use` for the last owner */
  async setMember(
    namespace: string,
    member: string,
    role: MemberRole,
    principal: Principal,
  ): Promise<NamespaceView> {
    const key = memberKey(member, principal, '/params/principal');
    await this.database.write(`members ${namespace}`, async (manager) => {
      await this.authorize(principal, 'catalog.manage-members', namespace, manager);
      const before = await manager.findOneBy(MemberRow, { namespace, principal: key });
      if (before?.role === role) return;
      if (before?.role === 'owner') await assertOtherOwner(namespace, key, manager);
      const at = this.clock.now();
      await manager.save(MemberRow, { namespace, principal: key, role, addedBy: principal.key, addedAt: at });
      const detail = { member: key, before: before?.role ?? null, after: role };
      await writeAudit(manager, {
        at,
        actor: principal.key,
        action: 'member.set',
        target: namespace,
        detail,
      });
    });
    return await this.get(namespace, principal);
  }

  /** Removing who is no member is fine. @throws as `setMember` */
  async removeMember(namespace: string, member: string, principal: Principal): Promise<void> {
    const key = memberKey(member, principal, '/params/principal');
    await this.database.write(`members ${namespace}`, async (manager) => {
      await this.authorize(principal, 'catalog.manage-members', namespace, manager);
      const before = await manager.findOneBy(MemberRow, { namespace, principal: key });
      if (before === null) return;
      if (before.role === 'owner') await assertOtherOwner(namespace, key, manager);
      await manager.delete(MemberRow, { namespace, principal: key });
      const detail = { member: key, before: before.role };
      await writeAudit(manager, {
        at: this.clock.now(),
        actor: principal.key,
        action: 'member.remove',
        target: namespace,
        detail,
      });
    });
  }

  /** @throws Problem `not-found`, `insufficient-scope`, `forbidden` */
  async setDefaultVisibility(
    namespace: string,
    defaultVisibility: Visibility,
    reason: string,
    principal: Principal,
  ): Promise<NamespaceView> {
    await this.database.write(`members ${namespace}`, async (manager) => {
      await this.authorize(principal, 'catalog.manage-namespace', namespace, manager);
      const { defaultVisibility: before } = await this.find(namespace, manager);
      if (before === defaultVisibility) return;
      await manager.update(NamespaceRow, { name: namespace }, { defaultVisibility });
      await writeAudit(manager, {
        at: this.clock.now(),
        actor: principal.key,
        action: 'namespace.default-visibility',
        target: namespace,
        detail: { before, after: defaultVisibility, reason },
      });
    });
    return await this.get(namespace, principal);
  }

  /**
   * Hands the namespace on: the other becomes owner, the caller keeps a lesser role or none. Other owners stay.
   *
   * @throws Problem `not-found`, `insufficient-scope`, `forbidden`, `invalid-request`
   */
  async transfer(
    namespace: string,
    { to, keep, reason }: Transfer,
    principal: Principal,
  ): Promise<NamespaceView> {
    const key = memberKey(to, principal, '/body/to');
    await this.database.write(`members ${namespace}`, async (manager) => {
      await this.authorize(principal, 'catalog.manage-members', namespace, manager);
      const at = this.clock.now();
      const actor = principal.key;
      const member = { namespace, addedBy: actor, addedAt: at };
      await manager.save(MemberRow, { ...member, principal: key, role: 'owner' });
      if (key !== actor) await manager.delete(MemberRow, { namespace, principal: actor });
      if (key !== actor && keep !== undefined)
        await manager.insert(MemberRow, { ...member, principal: actor, role: keep });
      const detail = { to: key, from: actor, keep: keep ?? null, reason };
      await writeAudit(manager, { at, actor, action: 'namespace.transfer', target: namespace, detail });
    });
    return await this.get(namespace, principal);
  }

  /**
   * Whether the caller may do this to something in the namespace.
   *
   * @param resource `namespace/name` of what it is done to; by default the whole namespace, which only a token for
   *   all of it takes in
   * @throws Problem `insufficient-scope`, `not-found` where there is no such namespace, `forbidden`
   */
  async authorize(
    principal: Principal,
    action: Action,
    namespace: string,
    manager = this.database.read,
    resource = `${namespace}/*`,
  ): Promise<void> {
    const what = `namespace ${namespace}`;
    const namespaceRole = await roleIn(manager, principal, namespace);
    // A role that allows all keeps the order of refusals: a missing scope is said before a missing namespace.
    if (namespaceRole === undefined) enforce(principal, action, { namespaceRole: 'owner', resource }, what);
    if (namespaceRole === undefined) await this.find(namespace, manager);
    enforce(principal, action, { namespaceRole, resource }, what);
    await this.origin.assertOwn(manager, namespace, action);
  }

  /**
   * Whether the caller may do this to a proxylet that must be there. To whoever may not even read it, it is not.
   *
   * @throws Problem `insufficient-scope`, `not-found`, `forbidden`
   */
  async authorizeOn(
    principal: Principal,
    action: Action,
    name: string,
    manager = this.database.read,
  ): Promise<void> {
    const target = parseName(name);
    const relation = { namespaceRole: await roleIn(manager, principal, target.namespace), resource: name };
    if (can(principal, action, relation) === 'allow')
      return await this.origin.assertOwn(manager, target.namespace, action);
    const proxylet = await findProxylet(manager, target);
    const isSeen =
      proxylet !== undefined && (await ReadRights.forChange(principal).mayRead(manager, proxylet));
    // What the token lacks is said of what exists and of what does not alike.
    if (isSeen || !isGranted(principal, action, relation))
      enforce(principal, action, relation, `proxylet ${name}`);
    enforce(principal, action, { ...relation, namespaceRole: 'owner' }, `proxylet ${name}`);
    throw new Problem('not-found', `There is no proxylet ${name}.`);
  }

  private async find(name: string, manager: EntityManager): Promise<NamespaceRow> {
    const row = await manager.findOneBy(NamespaceRow, { name });
    if (row !== null) return row;
    throw new Problem(
      'not-found',
      `There is no namespace ${name}; PUT /v1/namespaces/${name} makes it yours.`,
    );
  }
}

async function assertOtherOwner(namespace: string, key: string, manager: EntityManager): Promise<void> {
  if (await manager.existsBy(MemberRow, { namespace, role: 'owner', principal: Not(key) })) return;
  throw new Problem('in-use', `This is the last owner of ${namespace}; name another owner first.`);
}
