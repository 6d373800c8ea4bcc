import { can, covers, type Grant, memberKeysOf, type Principal } from '@proxylet/auth';
import { formatName, type Visibility } from '@proxylet/contract';
import { type EntityManager, IsNull, type ObjectLiteral, type SelectQueryBuilder } from 'typeorm';
import { PublishTokenRow } from '../database/rights.entity.js';

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

  /** Nothing is hidden from this caller. */
  get seesAll(): boolean {
    return this.principal !== undefined && can(this.principal, 'catalog.read-all') === 'allow';
  }

  /** Differs between callers who may read different things; for caches and entity tags. */
  get cacheKey(): string {
    const { principal } = this;
    if (principal === undefined) return 'anonymous';
    if (this.seesAll) return 'all';
    return [
      principal.tokenId === undefined || principal.grant === undefined ? '' : principal.tokenId,
      ...memberKeysOf(principal),
    ].join('\n');
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

  /** Adds `condition` to a query; may be called once for each alias. */
  restrict<T extends ObjectLiteral>(query: SelectQueryBuilder<T>, alias: string): SelectQueryBuilder<T> {
    const parameters: Record<string, string> = {};
    const bind: Bind = (value) => {
      const name = `${alias}Reader${Object.keys(parameters).length}`;
      parameters[name] = value;
      return `:${name}`;
    };
    return query.andWhere(this.condition(alias, bind), parameters);
  }

  /** Whether the caller may read this proxylet. */
  async mayRead(manager: EntityManager, proxylet: Readable): Promise<boolean> {
    const { principal } = this;
    if (proxylet.visibility === 'public' || this.seesAll) return true;
    if (principal === undefined) return false;
    const { grant } = principal;
    if (grant !== undefined) {
      if (!grant.actions.has('read') || !covers(grant, formatName(proxylet))) return false;
      if (grant.namespace !== undefined) return grant.namespace === proxylet.namespace;
    }
    return proxylet.visibility === 'internal' || (await this.isMember(manager, proxylet.namespace));
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
    if (principal === undefined) return false;
    if (principal.grant?.namespace !== undefined) return principal.grant.namespace === namespace;
    const found = await manager
      .createQueryBuilder()
      .select('1', 'one')
      .from('namespace_member', 'm')
      .where('m.namespace = :namespace AND m.principal IN (:...keys)', {
        namespace,
        keys: memberKeysOf(principal),
      })
      .limit(1)
      .getRawOne<unknown>();
    return found !== undefined;
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
