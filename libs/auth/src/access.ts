import { Problem } from '@proxylet/contract';
import { covers, type TokenAction } from './grant.js';
import type { Principal } from './principal.js';

export const scopes = [
  'catalog:read',
  'catalog:publish',
  'catalog:manage',
  'catalog:admin',
  'engine:invoke',
  'engine:install',
  'engine:manage',
  'engine:admin',
  'audit:read',
] as const;
export type Scope = (typeof scopes)[number];

/** From most to least: each may all that the next may. */
export const namespaceRoles = ['owner', 'maintainer', 'publisher', 'reader'] as const;
export type NamespaceRole = (typeof namespaceRoles)[number];

/** How the caller stands to the object of the action; looked up by the caller of `can`. */
export interface Relation {
  /** Role of the caller in the object's namespace. */
  readonly namespaceRole?: NamespaceRole | undefined;
  /** Whether the object (an installation) is the caller's own; true for one about to be made. */
  readonly owns?: boolean | undefined;
  /** `namespace/name` of the object, or `namespace/*`; without it a token of our own may do nothing but read. */
  readonly resource?: string | undefined;
}

/** `hide`: answer as if the object did not exist. */
export type Decision = 'allow' | 'deny' | 'hide';

type Need =
  | { readonly kind: 'scope-only' }
  | { readonly kind: 'namespace'; readonly roles: readonly NamespaceRole[]; readonly hides?: boolean }
  | { readonly kind: 'owner' }
  | { readonly kind: 'role'; readonly roles: readonly string[] };

interface Rule {
  /** One of them is needed. */
  readonly anyScope: readonly Scope[];
  readonly need: Need;
  /** Scope with which a platform-admin passes without the relation; absent where not even an admin may. */
  readonly adminScope?: Scope;
  /** Action a token of our own needs; absent where no such token may, whoever made it. */
  readonly tokenAction?: TokenAction;
}

export const platformAdminRole = 'platform-admin';
/** Role of a program that examines what is published and may hold it. */
export const scannerRole = 'scanner';

const publishers: Need = { kind: 'namespace', roles: ['owner', 'maintainer', 'publisher'] };
const owners: Need = { kind: 'namespace', roles: ['owner'] };

/** Every decision of both services in one table: scope AND (relation OR admin). What is not here is not allowed. */
const rules = {
  'catalog.read': { anyScope: ['catalog:read'], need: { kind: 'scope-only' }, tokenAction: 'read' },
  'catalog.read-private': {
    anyScope: ['catalog:read'],
    need: { kind: 'namespace', roles: namespaceRoles, hides: true },
    tokenAction: 'read',
  },
  'catalog.read-all': {
    anyScope: ['catalog:admin'],
    need: { kind: 'role', roles: [platformAdminRole, scannerRole] },
  },
  'catalog.publish': {
    anyScope: ['catalog:publish'],
    need: publishers,
    adminScope: 'catalog:admin',
    tokenAction: 'publish',
  },
  'catalog.create-namespace': {
    anyScope: ['catalog:publish', 'catalog:manage', 'catalog:admin'],
    need: { kind: 'scope-only' },
  },
  'catalog.manage-members': {
    anyScope: ['catalog:manage', 'catalog:admin'],
    need: owners,
    adminScope: 'catalog:admin',
  },
  'catalog.manage-namespace': {
    anyScope: ['catalog:manage', 'catalog:admin'],
    need: owners,
    adminScope: 'catalog:admin',
  },
  'catalog.change-state': {
    anyScope: ['catalog:publish', 'catalog:manage', 'catalog:admin'],
    need: publishers,
    adminScope: 'catalog:admin',
    tokenAction: 'yank',
  },
  'catalog.move-channel': {
    anyScope: ['catalog:publish', 'catalog:manage', 'catalog:admin'],
    need: publishers,
    adminScope: 'catalog:admin',
    tokenAction: 'channel',
  },
  'catalog.change-visibility': {
    anyScope: ['catalog:manage', 'catalog:admin'],
    need: { kind: 'namespace', roles: ['owner', 'maintainer'] },
    adminScope: 'catalog:admin',
  },
  'catalog.manage-webhooks': {
    anyScope: ['catalog:manage', 'catalog:admin'],
    need: { kind: 'namespace', roles: ['owner', 'maintainer'] },
    adminScope: 'catalog:admin',
  },
  'catalog.quarantine': {
    anyScope: ['catalog:admin'],
    need: { kind: 'role', roles: [platformAdminRole, scannerRole] },
  },
  'catalog.release': { anyScope: ['catalog:admin'], need: { kind: 'role', roles: [platformAdminRole] } },
  'catalog.register-service': {
    anyScope: ['catalog:publish', 'catalog:manage'],
    need: publishers,
    adminScope: 'catalog:admin',
    tokenAction: 'publish',
  },
  'catalog.manage-tokens': {
    anyScope: ['catalog:read', 'catalog:publish', 'catalog:manage'],
    need: { kind: 'scope-only' },
  },
  'catalog.admin': { anyScope: ['catalog:admin'], need: { kind: 'role', roles: [platformAdminRole] } },
  'engine.read': {
    anyScope: ['engine:install', 'engine:invoke', 'engine:manage', 'engine:admin'],
    need: { kind: 'owner' },
    adminScope: 'engine:admin',
  },
  'engine.install': {
    anyScope: ['engine:install', 'engine:admin'],
    need: { kind: 'owner' },
    adminScope: 'engine:admin',
  },
  // No admin: to call somebody's installation is to act on that user's data under another name.
  'engine.invoke': { anyScope: ['engine:invoke'], need: { kind: 'owner' } },
  'engine.manage': {
    anyScope: ['engine:manage', 'engine:admin'],
    need: { kind: 'role', roles: ['gateway-operator', platformAdminRole] },
  },
  'engine.admin': {
    anyScope: ['engine:admin'],
    need: { kind: 'role', roles: ['gateway-operator', platformAdminRole] },
  },
  'audit.read': { anyScope: ['audit:read'], need: { kind: 'role', roles: ['auditor', platformAdminRole] } },
} as const satisfies Record<string, Rule>;

export type Action = keyof typeof rules;
export const actions = Object.keys(rules) as Action[];

/** Decides without any I/O whether the principal may do this to an object it stands in this relation to. */
export function can(principal: Principal, action: Action, relation: Relation = {}): Decision {
  const rule: Rule = rules[action];
  if (!rule.anyScope.some((scope) => principal.scopes.has(scope))) return 'deny';
  const isAllowed = isMet(rule.need, principal, relation) || isAdmin(principal, rule.adminScope);
  if (isAllowed && isGranted(principal, action, relation)) return 'allow';
  const { need } = rule;
  return need.kind === 'owner' || (need.kind === 'namespace' && need.hides === true) ? 'hide' : 'deny';
}

/** Whether the bounds of a token of our own take in this action; true for every other token. */
export function isGranted({ grant }: Principal, action: Action, { resource }: Relation = {}): boolean {
  if (grant === undefined) return true;
  const { tokenAction, need }: Rule = rules[action];
  if (tokenAction === undefined || !grant.actions.has(tokenAction)) return false;
  return need.kind === 'scope-only' || (resource !== undefined && covers(grant, resource));
}

/**
 * `can`, as an exception: what the caller learns is what it may know.
 *
 * @param what the object in words, for the sentence: `proxylet demo/geo`
 * @throws Problem `insufficient-scope`, `forbidden` or `not-found`
 */
export function enforce(
  principal: Principal,
  action: Action,
  relation: Relation = {},
  what = 'this object',
): void {
  const decision = can(principal, action, relation);
  if (decision === 'allow') return;
  if (decision === 'hide') throw new Problem('not-found', `There is no ${what} here for you.`);
  const { anyScope }: Rule = rules[action];
  if (!anyScope.some((scope) => principal.scopes.has(scope))) throw insufficientScope(anyScope, true);
  if (!isGranted(principal, action, relation)) {
    throw new Problem('forbidden', `This token is not made for ${action} on ${relation.resource ?? what}.`);
  }
  throw new Problem('forbidden', `Your role does not allow ${action} on ${what}.`);
}

/** The 403 of RFC 6750 §3.1; `scope` travels in the problem and becomes the challenge's. */
export function insufficientScope(needed: readonly string[], anyOf = false): Problem {
  const names = needed.join(anyOf ? ' or ' : ' and ');
  return new Problem('insufficient-scope', `The access token lacks the scope ${names}.`, {
    extra: { scope: (anyOf ? needed.slice(0, 1) : needed).join(' ') },
  });
}

function isMet(need: Need, principal: Principal, relation: Relation): boolean {
  switch (need.kind) {
    case 'scope-only':
      return true;
    case 'namespace':
      return relation.namespaceRole !== undefined && need.roles.includes(relation.namespaceRole);
    case 'owner':
      return relation.owns === true;
    case 'role':
      return need.roles.some((role) => principal.roles.includes(role));
    default:
      return need satisfies never;
  }
}

function isAdmin(principal: Principal, adminScope: Scope | undefined): boolean {
  return (
    adminScope !== undefined &&
    principal.scopes.has(adminScope) &&
    principal.roles.includes(platformAdminRole)
  );
}
