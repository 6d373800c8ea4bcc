import { Inject } from '@nestjs/common';
import { type Action, can, enforce, type Principal, type TokenAction } from '@proxylet/auth';
import { type Page, Problem } from '@proxylet/contract';
import { decodeCursor, encodeCursor } from '@proxylet/nest';
import { IsNull, MoreThan } from 'typeorm';
import { z } from 'zod';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { PublishTokenRow } from '../database/rights.entity.js';
import { roleIn } from '../rights/membership.js';
import type { NewTokenView, TokenView, TokenWish } from './token.schemas.js';
import { principalOfToken, TokenStore, viewOfToken } from './token-store.js';

const maxLifeMs = 366 * 86_400_000;
const maxTokens = 200;
const listCursor = z.strictObject({ after: z.string() });

/** What the owner must be allowed for a token to be. */
const actionOf: Readonly<Record<TokenAction, Action>> = {
  publish: 'catalog.publish',
  yank: 'catalog.change-state',
  channel: 'catalog.move-channel',
  read: 'catalog.read',
};

/** Publish tokens of the caller: made, listed, revoked. */
export class TokenService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TokenStore) private readonly store: TokenStore,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * A new token for no more than the caller may do now; at each use it is for no more than the caller may do then.
   *
   * @throws Problem `insufficient-scope`, `forbidden`, `invalid-request` for the time, `quota-exceeded`
   */
  async create(wish: TokenWish, principal: Principal): Promise<NewTokenView> {
    enforce(principal, 'catalog.manage-tokens');
    const expiresAt = this.checkedExpiry(wish.expiresAt);
    await this.assertMayLend(wish, principal);
    const { key: owner } = principal;
    return await this.database.write(`tokens ${owner}`, async (manager) => {
      const at = this.clock.now();
      const live = { owner, policy: IsNull(), revokedAt: IsNull(), expiresAt: MoreThan(at) };
      if ((await manager.countBy(PublishTokenRow, live)) >= maxTokens) {
        throw new Problem('quota-exceeded', `You have ${maxTokens} tokens; revoke one first.`);
      }
      const created = await this.store.insert(manager, { ...wish, owner, policy: null, expiresAt });
      const { id, label, actions, resources, cidrs } = created;
      await writeAudit(manager, {
        at,
        actor: owner,
        action: 'token.create',
        target: `tokens/${id}`,
        detail: { label, actions, resources, cidrs, expiresAt },
      });
      return created;
    });
  }

  /** The caller's own, by id. @throws Problem `insufficient-scope`, `forbidden` */
  async list(limit: number, cursor: string | undefined, principal: Principal): Promise<Page<TokenView>> {
    enforce(principal, 'catalog.manage-tokens');
    const { key: owner } = principal;
    const after = cursor === undefined ? '' : decodeCursor(cursor, listCursor).after;
    const rows = await this.database.read.find(PublishTokenRow, {
      where: { owner, policy: IsNull(), id: MoreThan(after) },
      order: { id: 'ASC' },
      take: limit + 1,
    });
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const isMore = rows.length > limit && last !== undefined;
    return {
      items: items.map(viewOfToken),
      ...(isMore ? { nextCursor: encodeCursor({ after: last.id }) } : {}),
    };
  }

  /**
   * From the commit on the token is refused, by every catalog on this database. Revoking twice is fine.
   *
   * @throws Problem `not-found`, also for the token of somebody else
   */
  async revoke(id: string, principal: Principal): Promise<void> {
    enforce(principal, 'catalog.manage-tokens');
    await this.database.write(`token ${id}`, async (manager) => {
      const row = await manager.findOneBy(PublishTokenRow, { id });
      const isMine = row !== null && row.owner === principal.key;
      if (row === null || !(isMine || can(principal, 'catalog.admin') === 'allow')) {
        throw new Problem('not-found', 'You have no such token.');
      }
      if (row.revokedAt !== null) return;
      const at = this.clock.now();
      await manager.update(PublishTokenRow, { id }, { revokedAt: at });
      const detail = { owner: row.owner, label: row.label };
      await writeAudit(manager, {
        at,
        actor: principal.key,
        action: 'token.revoke',
        target: `tokens/${id}`,
        detail,
      });
    });
  }

  private checkedExpiry(text: string): string {
    const now = Date.parse(this.clock.now());
    const expires = Date.parse(text);
    if (expires > now && expires <= now + maxLifeMs) return new Date(expires).toISOString();
    const detail = 'must lie within the next 366 days';
    throw new Problem('invalid-request', `The time a token expires at ${detail}.`, {
      errors: [{ pointer: '/body/expiresAt', detail }],
    });
  }

  /** Asked twice: what the caller's own access token allows, and what would be left of that in the new one. */
  private async assertMayLend({ actions, resources }: TokenWish, principal: Principal): Promise<void> {
    const bounds = { tokenId: undefined, expiresAtMs: 0 };
    const lent = principalOfToken(principal.key, { actions: new Set(actions), resources }, bounds);
    for (const action of actions) enforce(principal, actionOf[action], { namespaceRole: 'owner' });
    for (const resource of resources) {
      const namespaceRole = await roleIn(this.database.read, lent, resource.split('/', 1)[0] ?? '');
      const refused = actions.find(
        (action) => can(lent, actionOf[action], { namespaceRole, resource }) !== 'allow',
      );
      if (refused === undefined) continue;
      throw new Problem(
        'forbidden',
        `A token of yours cannot be for ${refused} on ${resource}: it lends what you are a member for yourself, not by a role of the identity manager.`,
      );
    }
  }
}
