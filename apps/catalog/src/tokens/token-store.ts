import { randomUUID, timingSafeEqual } from 'node:crypto';
import { Inject } from '@nestjs/common';
import type { Grant, Principal, Scope, TokenAction } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { InjectLog, isWithin, type Log, type OwnTokens } from '@proxylet/nest';
import { type EntityManager, IsNull, LessThan, Not } from 'typeorm';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { PublishTokenRow } from '../database/rights.entity.js';
import { onStorage } from '../database/storage-fault.js';
import type { NewTokenView, TokenView } from './token.schemas.js';
import { hashOfSecret, isSecret, newSecret, shownPart, tokenPrefix } from './token-secret.js';

/** Scope by which the routes know the action; what it may be done to is the grant's. */
const scopeOf: Readonly<Record<TokenAction, Scope>> = {
  publish: 'catalog:publish',
  yank: 'catalog:manage',
  channel: 'catalog:manage',
  read: 'catalog:read',
};

/** Time of last use is written at most so often, ms. */
const useGranularityMs = 60_000;
/** Tokens are kept for so long after their end, so that what they are refused with stays true, ms. */
const keptAfterEndMs = 30 * 86_400_000;
/** Those of CI jobs are many, and nobody asks for one a while after its quarter of an hour, ms. */
const exchangedKeptMs = 3_600_000;
const ownerForm = /^(user|service)\|([^|]+)\|(.+)$/s;

export interface NewToken {
  readonly label: string;
  readonly owner: string;
  readonly policy: string | null;
  readonly actions: readonly TokenAction[];
  readonly resources: readonly string[];
  readonly cidrs: readonly string[];
  readonly expiresAt: string;
}

/** Tokens this catalog handed out: looked up at every request, so that a revoked one is refused at once. */
export class TokenStore implements OwnTokens {
  readonly prefix = tokenPrefix;
  /** When the use of a token was last noted by this process, ms. */
  private readonly noted = new Map<string, number>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Clock) private readonly clock: Clock,
    @InjectLog() private readonly log: Log,
  ) {}

  /** @throws Problem `invalid-token`, `token-revoked`, `token-expired`, `token-address-refused` */
  async verify(token: string, address: string): Promise<Principal> {
    const row = isSecret(token) ? await onStorage(() => this.find(token)) : undefined;
    if (row === undefined) throw new Problem('invalid-token', 'The publish token is not valid here.');
    if (row.revokedAt !== null)
      throw new Problem('token-revoked', `This token was revoked at ${row.revokedAt}.`);
    if (row.expiresAt <= this.clock.now()) {
      throw new Problem('token-expired', `This token has expired at ${row.expiresAt}.`);
    }
    if (!isWithin(listOf(row.cidrs), address)) {
      throw new Problem('token-address-refused', `This token may not be used from ${address}.`);
    }
    this.noteUse(row);
    return principalOf(row);
  }

  /** Puts a new token into the table; its secret is in the answer and nowhere else. */
  async insert(
    manager: EntityManager,
    { actions, resources, cidrs, ...token }: NewToken,
  ): Promise<NewTokenView> {
    const secret = newSecret();
    const now = this.clock.now();
    await forgetEnded(manager, now);
    const row: PublishTokenRow = {
      ...token,
      id: randomUUID(),
      sha256: hashOfSecret(secret),
      prefix: shownPart(secret),
      actions: JSON.stringify(actions),
      resources: JSON.stringify(resources),
      cidrs: JSON.stringify(cidrs),
      createdAt: now,
      lastUsedAt: null,
      revokedAt: null,
    };
    await manager.insert(PublishTokenRow, row);
    return { ...viewOfToken(row), token: secret };
  }

  private async find(token: string): Promise<PublishTokenRow | undefined> {
    const sha256 = hashOfSecret(token);
    const row = await this.database.read.findOneBy(PublishTokenRow, { sha256 });
    // The look-up compares hashes, of which timing tells nothing; this holds whatever the database's collation is.
    return row !== null && timingSafeEqual(Buffer.from(row.sha256), Buffer.from(sha256)) ? row : undefined;
  }

  /** Beside the request: neither its time nor its fate depend on it. */
  private noteUse({ id, lastUsedAt }: PublishTokenRow): void {
    const nowMs = Date.parse(this.clock.now());
    const last = Math.max(this.noted.get(id) ?? 0, lastUsedAt === null ? 0 : Date.parse(lastUsedAt));
    if (nowMs - last < useGranularityMs) return;
    if (this.noted.size > 10_000) this.noted.clear();
    this.noted.set(id, nowMs);
    this.database
      .write(`token-use ${id}`, (manager) =>
        manager.update(PublishTokenRow, { id }, { lastUsedAt: new Date(nowMs).toISOString() }),
      )
      .catch((error: unknown) => {
        this.log.warn({ err: error, tokenId: id }, 'the last use of a token could not be noted');
      });
  }
}

/** Forgets tokens that ended long ago, of jobs an hour ago. */
export async function forgetEnded(manager: EntityManager, now: string): Promise<number> {
  const before = (agoMs: number) => LessThan(new Date(Date.parse(now) - agoMs).toISOString());
  const gone = await manager.delete(PublishTokenRow, [
    { expiresAt: before(keptAfterEndMs) },
    { expiresAt: before(exchangedKeptMs), policy: Not(IsNull()) },
  ]);
  return gone.affected ?? 0;
}

export function viewOfToken(row: PublishTokenRow): TokenView {
  const { id, label, prefix, createdAt, expiresAt, lastUsedAt, revokedAt } = row;
  return {
    id,
    label,
    prefix,
    actions: listOf(row.actions) as TokenAction[],
    resources: listOf(row.resources),
    cidrs: listOf(row.cidrs),
    createdAt,
    expiresAt,
    ...(lastUsedAt === null ? {} : { lastUsedAt }),
    ...(revokedAt === null ? {} : { revokedAt }),
  };
}

/** Who acts by a token: its owner, within its grant. Roles and administration are never lent. */
export function principalOfToken(
  owner: string,
  grant: Grant,
  { tokenId, expiresAtMs }: Pick<Principal, 'tokenId' | 'expiresAtMs'>,
): Principal {
  const [, type, issuer, subject] = ownerForm.exec(owner) ?? [];
  if ((type !== 'user' && type !== 'service') || issuer === undefined || subject === undefined) {
    throw new Problem('invalid-token', 'The owner of this token cannot be told.');
  }
  return {
    type,
    key: owner,
    issuer,
    subject,
    clientId: undefined,
    scopes: new Set([...grant.actions].map((action) => scopeOf[action])),
    roles: [],
    tenants: [],
    tokenId,
    issuedAtMs: 0,
    expiresAtMs,
    grant,
  };
}

function principalOf(row: PublishTokenRow): Principal {
  const grant: Grant = {
    actions: new Set(listOf(row.actions) as TokenAction[]),
    resources: listOf(row.resources),
    namespace: row.policy?.split('/', 1)[0],
  };
  return principalOfToken(row.owner, grant, { tokenId: row.id, expiresAtMs: Date.parse(row.expiresAt) });
}

function listOf(json: string): string[] {
  return JSON.parse(json) as string[];
}
