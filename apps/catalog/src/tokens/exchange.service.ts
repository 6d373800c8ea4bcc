import { Inject } from '@nestjs/common';
import { type Identity, IdentityTokens, issuerOf, principalKey } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { type EntityManager, LessThan } from 'typeorm';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { TrustPolicyRow, UsedTokenRow } from '../database/rights.entity.js';
import { POLICY_ISSUERS } from '../tokens.js';
import { ExchangeLimits } from './exchange-limits.js';
import type { ExchangeWish, NewTokenView } from './token.schemas.js';
import { TokenStore } from './token-store.js';
import { meetsRules, policyViewOf, resourcesOf } from './trust-policy.js';
import { trustTopic } from './trust-policy.service.js';

const tokenLifeMs = 15 * 60_000;
/** A used token is remembered for so long after it expired, ms: more than the clocks may differ. */
const leewayMs = 120_000;

/** Identity tokens of CI jobs for publish tokens, as trust policies say. */
export class ExchangeService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TokenStore) private readonly store: TokenStore,
    @Inject(IdentityTokens) private readonly identities: IdentityTokens,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ExchangeLimits) private readonly limits: ExchangeLimits,
    @Inject(POLICY_ISSUERS) private readonly issuers: readonly string[] | null,
  ) {}

  /**
   * Asks nothing of an issuer that no policy names.
   *
   * @param address of the caller
   * @throws Problem `invalid-token`, `trust-policy-mismatch`, `token-reused`, `idm-unavailable`, `too-many-requests`,
   *   `invalid-request` where several policies take the token and none is named
   */
  async exchange({ token, policy }: ExchangeWish, address: string): Promise<NewTokenView> {
    this.limits.takeAddress(address);
    const issuer = issuerOf(token);
    // The operator may have narrowed the list since the policy was made.
    if (this.issuers?.includes(issuer) === false) throw mismatch();
    const rows = await this.database.read.findBy(TrustPolicyRow, { issuer });
    const named = rows.filter((row) => policy === undefined || idOf(row) === policy);
    if (named.length === 0) throw mismatch();
    const audiences = [...new Set(named.map(({ audience }) => audience))];
    const identity = await this.identities.verify(token, issuer, audiences);
    const row = onlyOne(named.filter((candidate) => takes(candidate, identity)));
    this.limits.takeIssuer(issuer, row.namespace);
    return await this.database.write(trustTopic, (manager) => this.insert(manager, row, identity));
  }

  private async insert(
    manager: EntityManager,
    row: TrustPolicyRow,
    identity: Identity,
  ): Promise<NewTokenView> {
    const { namespace, id } = row;
    const now = await manager.findOneBy(TrustPolicyRow, { namespace, id });
    if (now === null || !takes(now, identity)) throw mismatch();
    const at = this.clock.now();
    await useUp(manager, identity, at);
    const { actions, proxylets } = policyViewOf(now);
    const owner = principalKey('service', identity.issuer, identity.subject);
    const created = await this.store.insert(manager, {
      label: `trust policy ${idOf(row)}`,
      owner,
      policy: idOf(row),
      actions,
      resources: resourcesOf(namespace, { proxylets }),
      cidrs: [],
      expiresAt: new Date(Date.parse(at) + tokenLifeMs).toISOString(),
    });
    await writeAudit(manager, {
      at,
      actor: owner,
      action: 'token.exchange',
      target: idOf(row),
      detail: { tokenId: created.id, resources: created.resources, actions, identity: identity.fingerprint },
    });
    return created;
  }
}

/** @throws Problem `token-reused` */
async function useUp(
  manager: EntityManager,
  { fingerprint, expiresAtMs }: Identity,
  at: string,
): Promise<void> {
  await manager.delete(UsedTokenRow, { expiresAt: LessThan(at) });
  if (await manager.existsBy(UsedTokenRow, { sha256: fingerprint })) {
    throw new Problem('token-reused', 'This identity token was exchanged before; ask the CI for a new one.');
  }
  // Its age bounds it too, so that no issuer can make us remember for ever.
  const until = Math.min(expiresAtMs, Date.parse(at) + 86_400_000) + leewayMs;
  await manager.insert(UsedTokenRow, { sha256: fingerprint, expiresAt: new Date(until).toISOString() });
}

function takes(row: TrustPolicyRow, { issuer, audience, claims }: Identity): boolean {
  return row.issuer === issuer && row.audience === audience && meetsRules(policyViewOf(row).claims, claims);
}

function onlyOne(rows: readonly TrustPolicyRow[]): TrustPolicyRow {
  const [first, ...others] = rows;
  if (first === undefined) throw mismatch();
  if (others.length === 0) return first;
  const names = rows.map(idOf).join(', ');
  throw new Problem(
    'invalid-request',
    `Several trust policies take this token: ${names}; name one as policy.`,
    {
      errors: [{ pointer: '/body/policy', detail: `must be one of ${names}` }],
    },
  );
}

function idOf({ namespace, id }: TrustPolicyRow): string {
  return `${namespace}/${id}`;
}

/** The same words whatever did not fit: policies are nobody else's. */
function mismatch(): Problem {
  return new Problem('trust-policy-mismatch', 'No trust policy of this catalog takes this token.');
}
