import { Inject } from '@nestjs/common';
import {
  type Action,
  can,
  enforce,
  type NamespaceRole,
  namespaceRoles,
  type Principal,
  principalKey,
} from '@proxylet/auth';
import { Problem, quote } from '@proxylet/contract';
import { type EntityManager, Not } from 'typeorm';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { type MemberRole, MemberRow, NamespaceRow } from '../database/namespace.entity.js';
import { assertNotReserved, canonicalOf } from './canonical.js';

export interface NamespaceView {
  readonly name: string;
  readonly createdAt: string;
  /** The caller's own. */
  readonly role?: MemberRole;
  /** For members and platform admins. */
  readonly members?: readonly { readonly principal: string; readonly role: MemberRole }[];
}

const keyForm = /^(?:user|service)\|https?:\/\/[^|\s]+\|[^|]+$/;
const maxKeyLength = 600;

export class NamespaceService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Makes the caller the owner of a new namespace; for its owner it changes nothing.
   *
   * @throws Problem `namespace-reserved`, `namespace-taken`, `name-confusable`
   */
  async create(
    name: string,
    principal: Principal,
  ): Promise<{ readonly isNew: boolean; readonly view: NamespaceView }> {
    enforce(principal, 'catalog.create-namespace', {}, `namespace ${name}`);
    assertNotReserved(name);
    const isNew = await this.database.write(`namespace ${canonicalOf(name)}`, async (manager) => {
      const near = await manager.findOneBy(NamespaceRow, { canonical: canonicalOf(name) });
      if (near !== null) return await this.assertOwn(near, name, principal, manager);
      const at = this.clock.now();
      const actor = principal.key;
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
    });
    return { isNew, view: await this.get(name, principal) };
  }

  private async assertOwn(
    near: NamespaceRow,
    name: string,
    { key }: Principal,
    manager: EntityManager,
  ): Promise<false> {
    if (near.name !== name) {
      throw new Problem(
        'name-confusable',
        `The namespace ${name} could be taken for ${near.name}, which exists.`,
      );
    }
    const member = await manager.findOneBy(MemberRow, { namespace: name, principal: key });
    if (member?.role === 'owner') return false;
    throw new Problem('namespace-taken', `The namespace ${name} belongs to somebody else.`);
  }

  /** @throws Problem `not-found` */
  async get(name: string, principal: Principal): Promise<NamespaceView> {
    const row = await this.find(name, this.database.read);
    const members = await this.database.read.find(MemberRow, {
      where: { namespace: name },
      order: { principal: 'ASC' },
    });
    const own = members.find((member) => member.principal === principal.key);
    const maySee = own !== undefined || can(principal, 'catalog.admin') === 'allow';
    return {
      name,
      createdAt: row.createdAt,
      ...(own === undefined ? {} : { role: own.role }),
      ...(maySee ? { members: members.map(({ principal: key, role }) => ({ principal: key, role })) } : {}),
    };
  }

  /** @throws Problem `not-found`, `insufficient-scope`, `forbidden`, `invalid-request`, `in-use` for the last owner */
  async setMember(
    namespace: string,
    member: string,
    role: MemberRole,
    principal: Principal,
  ): Promise<NamespaceView> {
    const key = memberKey(member, principal);
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
    const key = memberKey(member, principal);
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

  /**
   * Whether the caller may do this to something in the namespace.
   *
   * @throws Problem `insufficient-scope`, `not-found` where there is no such namespace, `forbidden`
   */
  async authorize(
    principal: Principal,
    action: Action,
    namespace: string,
    manager = this.database.read,
  ): Promise<void> {
    const what = `namespace ${namespace}`;
    const member = await manager.findOneBy(MemberRow, { namespace, principal: principal.key });
    // A role that allows all keeps the order of refusals: a missing scope is said before a missing namespace.
    if (member === null) enforce(principal, action, { namespaceRole: 'owner' }, what);
    if (member === null) await this.find(namespace, manager);
    enforce(principal, action, { namespaceRole: actingRole(member?.role) }, what);
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

/** A reader may see what is private later on, and change nothing. */
function actingRole(role: MemberRole | undefined): NamespaceRole | undefined {
  return namespaceRoles.find((acting) => acting === role);
}

function memberKey(member: string, { issuer }: Principal): string {
  const key = member.includes('|') ? member : principalKey('user', issuer, member);
  if (key.length <= maxKeyLength && keyForm.test(key) && !/\p{Cc}/u.test(key)) return key;
  throw new Problem(
    'invalid-request',
    `${quote(member)} is neither a subject nor of the form user|issuer|subject.`,
    {
      errors: [{ pointer: '/params/principal', detail: 'must be a subject or user|issuer|subject' }],
    },
  );
}

async function assertOtherOwner(namespace: string, key: string, manager: EntityManager): Promise<void> {
  if (await manager.existsBy(MemberRow, { namespace, role: 'owner', principal: Not(key) })) return;
  throw new Problem('in-use', `This is the last owner of ${namespace}; name another owner first.`);
}
