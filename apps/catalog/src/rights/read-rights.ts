import { can, type Grant, isGranted, memberKeysOf, type Principal } from '@proxylet/auth';
import { formatName, type Visibility } from '@proxylet/contract';
import { type EntityManager, IsNull } from 'typeorm';
import { PublishTokenRow } from '../database/rights.entity.js';
import { roleIn } from './membership.js';

/** What has to be known of a proxylet to say who may read it. */
export interface Readable {
  readonly namespace: string;
  readonly name: string;
  readonly visibility: Visibility;
}

/** Puts a value into a statement and answers what stands for it there: `$3`, `?`, `:reader1`. */
export type Bind = (value: string) => string;

/**
 * What one caller may read, as a condition for queries and as a question about one proxylet. Costs no query to make;
 * `mayRead` asks the database for what is private only.
 *
 * Public: everybody. Internal: whoever has a token of a configured issuer, users and services alike. Private: members
 * of the namespace. A platform admin and a scanner read all. A token of our own reads what is not public only where
 * its grant reaches and its owner may.
 */
export class ReadRights {
  /** For a caller without a token, where the catalog admits such. */
  static readonly anonymous = new ReadRights(undefined);

  private constructor(private readonly principal: Principal | undefined) {}

  static of(principal: Principal | undefined): ReadRights {
    return principal === undefined ? ReadRights.anonymous : new ReadRights(principal);
  }

  /**
   * What a caller sees of what it changes: for that its token need not be for reading.
   */
  static forChange(principal: Principal): ReadRights {
    const { scopes, grant } = principal;
    return new ReadRights({
      ...principal,
      scopes: new Set([...scopes, 'catalog:read']),
      grant: grant === undefined ? undefined : { ...grant, actions: new Set([...grant.actions, 'read']) },
    });
  }

  /** Nothing is hidden from this caller. */
  get seesAll(): boolean {
    return this.principal !== undefined && can(this.principal, 'catalog.read-all') === 'allow';
  }

  /**
   * SQL that is true for the rows of `proxylet`, under this alias, that may be read.
   *
   * @param bind called in the order the values occur
   */
  condition(alias: string, bind: Bind): string {
    const { principal } = this;
    if (this.seesAll) return '1 = 1';
    const isPublic = `${alias}.visibility = 'public'`;
    if (principal === undefined) return isPublic;
    const { grant } = principal;
    if (grant === undefined) {
      return `(${alias}.visibility <> 'private' OR ${memberOf(alias, memberKeysOf(principal), bind)})`;
    }
    if (!grant.actions.has('read') || grant.resources.length === 0) return isPublic;
    const within = withinGrant(alias, grant, bind);
    const owned =
      grant.namespace === undefined
        ? `(${alias}.visibility = 'internal' OR ${memberOf(alias, memberKeysOf(principal), bind)})`
        : `${alias}.namespace = ${bind(grant.namespace)}`;
    return `(${isPublic} OR (${within} AND ${owned}))`;
  }

  /** Whether the caller may read this proxylet. */
  async mayRead(manager: EntityManager, proxylet: Readable): Promise<boolean> {
    const { principal } = this;
    const { namespace, visibility } = proxylet;
    if (visibility === 'public' || this.seesAll) return true;
    if (principal === undefined) return false;
    const resource = formatName(proxylet);
    // A token given under a trust policy belongs to no user of a configured issuer.
    if (visibility === 'internal' && principal.grant?.namespace === undefined)
      return isGranted(principal, 'catalog.read-private', { resource });
    const namespaceRole = await roleIn(manager, principal, namespace);
    return can(principal, 'catalog.read-private', { namespaceRole, resource }) === 'allow';
  }

  /** Whether the caller's token is good yet: for an answer that goes on long after the request. */
  async isStillGood(manager: EntityManager): Promise<boolean> {
    const { principal } = this;
    if (principal === undefined) return true;
    if (principal.expiresAtMs <= Date.now()) return false;
    if (principal.grant === undefined || principal.tokenId === undefined) return true;
    return await manager.existsBy(PublishTokenRow, { id: principal.tokenId, revokedAt: IsNull() });
  }

  /** Whether the caller belongs to the namespace in any role. */
  async isMember(manager: EntityManager, namespace: string): Promise<boolean> {
    const { principal } = this;
    return principal !== undefined && (await roleIn(manager, principal, namespace)) !== undefined;
  }
}

function memberOf(alias: string, keys: readonly string[], bind: Bind): string {
  const list = keys.map(bind).join(', ');
  return `${alias}.namespace IN (SELECT nm.namespace FROM namespace_member nm WHERE nm.principal IN (${list}))`;
}

function withinGrant(alias: string, { resources }: Grant, bind: Bind): string {
  const each = resources.map((resource) => {
    const [namespace = '', name = ''] = resource.split('/');
    const inNamespace = `${alias}.namespace = ${bind(namespace)}`;
    return name === '*' ? inNamespace : `(${inNamespace} AND ${alias}.name = ${bind(name)})`;
  });
  return `(${each.join(' OR ')})`;
}
