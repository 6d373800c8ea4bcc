import { Problem } from '@proxylet/contract';
import { expect, test } from 'vitest';
import {
  type Action,
  actions,
  can,
  type Decision,
  enforce,
  type Relation,
  type Scope,
  scopes,
} from './access.js';
import type { Grant, TokenAction } from './grant.js';
import { memberKeysOf, type Principal } from './principal.js';

function principal(held: readonly Scope[], ...roles: string[]): Principal {
  return {
    type: 'user',
    key: 'user|i|alice',
    issuer: 'i',
    subject: 'alice',
    clientId: 'web',
    scopes: new Set(held),
    roles,
    tokenId: undefined,
    tenants: [],
    issuedAtMs: 0,
    expiresAtMs: 0,
  };
}

const owner = { namespaceRole: 'owner' } as const;
const maintainer = { namespaceRole: 'maintainer' } as const;
const publisher = { namespaceRole: 'publisher' } as const;
const reader = { namespaceRole: 'reader' } as const;
const own = { owns: true };

const table: [Action, Scope[], string[], Relation, Decision][] = [
  ['catalog.read', ['catalog:read'], [], {}, 'allow'],
  ['catalog.read', ['engine:invoke'], [], {}, 'deny'],
  ['catalog.publish', ['catalog:publish'], [], publisher, 'allow'],
  ['catalog.publish', ['catalog:publish'], [], maintainer, 'allow'],
  ['catalog.publish', ['catalog:publish'], [], {}, 'deny'],
  ['catalog.publish', ['catalog:read'], [], owner, 'deny'],
  ['catalog.publish', ['catalog:publish', 'catalog:admin'], [], {}, 'deny'],
  ['catalog.publish', ['catalog:publish'], ['platform-admin'], {}, 'deny'],
  ['catalog.publish', ['catalog:publish', 'catalog:admin'], ['platform-admin'], {}, 'allow'],
  ['catalog.create-namespace', ['catalog:publish'], [], {}, 'allow'],
  ['catalog.create-namespace', ['catalog:read'], [], {}, 'deny'],
  ['catalog.manage-members', ['catalog:manage'], [], owner, 'allow'],
  ['catalog.manage-members', ['catalog:manage'], [], maintainer, 'deny'],
  ['catalog.manage-members', ['catalog:admin'], ['platform-admin'], {}, 'allow'],
  ['catalog.publish', ['catalog:publish'], [], reader, 'deny'],
  ['catalog.read-private', ['catalog:read'], [], reader, 'allow'],
  ['catalog.read-private', ['catalog:read'], [], publisher, 'allow'],
  ['catalog.read-private', ['catalog:read'], [], {}, 'hide'],
  ['catalog.read-private', ['catalog:publish'], [], owner, 'deny'],
  ['catalog.read-all', ['catalog:admin'], ['platform-admin'], {}, 'allow'],
  ['catalog.read-all', ['catalog:admin'], ['scanner'], {}, 'allow'],
  ['catalog.read-all', ['catalog:admin'], [], owner, 'deny'],
  ['catalog.read-all', ['catalog:read'], ['platform-admin'], {}, 'deny'],
  ['catalog.manage-namespace', ['catalog:manage'], [], owner, 'allow'],
  ['catalog.manage-namespace', ['catalog:manage'], [], maintainer, 'deny'],
  ['catalog.manage-namespace', ['catalog:admin'], ['platform-admin'], {}, 'allow'],
  ['catalog.change-state', ['catalog:publish'], [], publisher, 'allow'],
  ['catalog.change-state', ['catalog:publish'], [], reader, 'deny'],
  ['catalog.change-state', ['catalog:publish'], [], {}, 'deny'],
  ['catalog.change-state', ['catalog:admin'], ['platform-admin'], {}, 'allow'],
  ['catalog.change-state', ['catalog:admin'], ['scanner'], {}, 'deny'],
  ['catalog.move-channel', ['catalog:manage'], [], publisher, 'allow'],
  ['catalog.move-channel', ['catalog:manage'], [], reader, 'deny'],
  ['catalog.change-visibility', ['catalog:manage'], [], maintainer, 'allow'],
  ['catalog.change-visibility', ['catalog:manage'], [], publisher, 'deny'],
  ['catalog.change-visibility', ['catalog:publish'], [], owner, 'deny'],
  ['catalog.manage-webhooks', ['catalog:manage'], [], maintainer, 'allow'],
  ['catalog.manage-webhooks', ['catalog:manage'], [], publisher, 'deny'],
  ['catalog.quarantine', ['catalog:admin'], ['scanner'], {}, 'allow'],
  ['catalog.quarantine', ['catalog:admin'], [], owner, 'deny'],
  ['catalog.release', ['catalog:admin'], ['platform-admin'], {}, 'allow'],
  ['catalog.release', ['catalog:admin'], ['scanner'], {}, 'deny'],
  ['catalog.manage-tokens', ['catalog:publish'], [], {}, 'allow'],
  ['catalog.manage-tokens', ['engine:invoke'], [], {}, 'deny'],
  ['catalog.register-service', ['catalog:publish'], [], publisher, 'allow'],
  ['catalog.register-service', ['catalog:manage'], [], {}, 'deny'],
  ['catalog.admin', ['catalog:admin'], [], owner, 'deny'],
  ['catalog.admin', ['catalog:admin'], ['platform-admin'], {}, 'allow'],
  ['engine.read', ['engine:invoke'], [], own, 'allow'],
  ['engine.read', ['engine:invoke'], [], {}, 'hide'],
  ['engine.read', ['engine:admin'], ['platform-admin'], {}, 'allow'],
  ['engine.install', ['engine:install'], [], own, 'allow'],
  ['engine.install', ['engine:install'], [], {}, 'hide'],
  ['engine.install', ['engine:invoke'], [], own, 'deny'],
  ['engine.invoke', ['engine:invoke'], [], own, 'allow'],
  ['engine.invoke', ['engine:invoke'], [], { owns: false }, 'hide'],
  ['engine.invoke', ['engine:invoke', 'engine:admin'], ['platform-admin'], {}, 'hide'],
  ['engine.manage', ['engine:manage'], ['gateway-operator'], {}, 'allow'],
  ['engine.manage', ['engine:manage'], ['user'], own, 'deny'],
  ['engine.admin', ['engine:admin'], ['platform-admin'], {}, 'allow'],
  ['engine.admin', ['engine:admin'], [], {}, 'deny'],
  ['audit.read', ['audit:read'], ['auditor'], {}, 'allow'],
  ['audit.read', ['audit:read'], [], {}, 'deny'],
];

test.each(table)('%s with %j as %j, being %j: %s', (action, held, roles, relation, decision) => {
  expect(can(principal(held, ...roles), action, relation)).toBe(decision);
});

test('every action is allowed to somebody and denied without a scope', () => {
  expect(new Set(table.filter(([, , , , d]) => d === 'allow').map(([a]) => a))).toEqual(new Set(actions));
  for (const action of actions) {
    expect(
      can(principal([], 'platform-admin', 'auditor', 'gateway-operator'), action, { ...owner, ...own }),
    ).toBe('deny');
  }
});

const every: Scope[] = ['catalog:read', 'catalog:publish', 'catalog:manage', 'catalog:admin'];

/** A token of our own whose owner may do everything. */
function granted(resource: string, ...actionsGranted: TokenAction[]): Principal {
  const grant: Grant = { actions: new Set(actionsGranted), resources: [resource] };
  return { ...principal(every, 'platform-admin', 'scanner'), grant };
}

const byToken: [Action, Principal, string | undefined, Decision][] = [
  ['catalog.publish', granted('acme/*', 'publish'), 'acme/thumb', 'allow'],
  ['catalog.publish', granted('acme/*', 'publish'), 'acme/*', 'allow'],
  ['catalog.publish', granted('acme/thumb', 'publish'), 'acme/thumb', 'allow'],
  ['catalog.publish', granted('acme/thumb', 'publish'), 'acme/thumbs', 'deny'],
  ['catalog.publish', granted('acme/thumb', 'publish'), 'acme/*', 'deny'],
  ['catalog.publish', granted('acme/*', 'publish'), 'acme-two/thumb', 'deny'],
  ['catalog.publish', granted('acme/*', 'publish'), undefined, 'deny'],
  ['catalog.publish', granted('acme/*', 'yank', 'channel', 'read'), 'acme/thumb', 'deny'],
  ['catalog.register-service', granted('acme/*', 'publish'), 'acme/grid', 'allow'],
  ['catalog.change-state', granted('acme/*', 'yank'), 'acme/thumb', 'allow'],
  ['catalog.change-state', granted('acme/*', 'publish'), 'acme/thumb', 'deny'],
  ['catalog.move-channel', granted('acme/*', 'channel'), 'acme/thumb', 'allow'],
  ['catalog.move-channel', granted('acme/*', 'yank'), 'acme/thumb', 'deny'],
  ['catalog.read', granted('acme/*', 'read'), undefined, 'allow'],
  ['catalog.read', granted('acme/*', 'publish'), undefined, 'deny'],
  ['catalog.read-private', granted('acme/*', 'read'), 'acme/thumb', 'allow'],
  ['catalog.read-private', granted('acme/*', 'read'), 'demo/geo', 'hide'],
];

test.each(byToken)('%s by a token of our own (%#)', (action, caller, resource, decision) => {
  expect(can(caller, action, { ...owner, ...(resource === undefined ? {} : { resource }) })).toBe(decision);
});

test('a token of our own never administers, whoever made it', () => {
  const caller = granted('acme/*', 'publish', 'yank', 'channel', 'read');
  const allowed = actions.filter(
    (action) => can(caller, action, { ...owner, ...own, resource: 'acme/thumb' }) === 'allow',
  );
  expect(allowed).toEqual([
    'catalog.read',
    'catalog.read-private',
    'catalog.publish',
    'catalog.change-state',
    'catalog.move-channel',
    'catalog.register-service',
  ]);
});

test('a caller is a member by its roles too, a token of our own is not', () => {
  expect(memberKeysOf(principal([], 'team-a', 'team-b'))).toEqual([
    'user|i|alice',
    'role:i|team-a',
    'role:i|team-b',
  ]);
  expect(memberKeysOf(granted('acme/*', 'read'))).toEqual(['user|i|alice']);
});

test('the scopes of one service give nothing on the other', () => {
  const catalog = principal(
    scopes.filter((s) => s.startsWith('catalog:')),
    'platform-admin',
  );
  for (const action of actions.filter((a) => a.startsWith('engine.'))) {
    expect(can(catalog, action, { ...owner, ...own })).toBe('deny');
  }
});

test.each([
  ['engine.invoke', ['engine:invoke'], 'not-found'],
  ['engine.invoke', ['catalog:read'], 'insufficient-scope'],
  ['catalog.publish', ['catalog:publish'], 'forbidden'],
] as const)('%s with %j is answered as %s', (action, held, code) => {
  const problem = caught(() => {
    enforce(principal(held), action, {}, 'proxylet demo/geo');
  });
  expect(problem.code).toBe(code);
  if (code === 'insufficient-scope') expect(problem.extra).toEqual({ scope: 'engine:invoke' });
});

function caught(work: () => void): Problem {
  try {
    work();
  } catch (error) {
    return error as Problem;
  }
  throw new Error('nothing was thrown');
}
