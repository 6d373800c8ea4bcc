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
import type { Principal } from './principal.js';

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
    expiresAtMs: 0,
  };
}

const owner = { namespaceRole: 'owner' } as const;
const maintainer = { namespaceRole: 'maintainer' } as const;
const publisher = { namespaceRole: 'publisher' } as const;
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
  ['catalog.manage-version', ['catalog:publish'], [], publisher, 'allow'],
  ['catalog.manage-version', ['catalog:publish'], [], {}, 'deny'],
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
