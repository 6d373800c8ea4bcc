/** The audiences a token can be for. */
export const audienceNames = ['catalog', 'engine'] as const;
export type AudienceName = (typeof audienceNames)[number];

/** A person the development IdM knows; there are no passwords. */
export interface User {
  readonly name: string;
  readonly roles: readonly string[];
  readonly scopes: Readonly<Record<AudienceName, readonly string[]>>;
}

/** Every scope of each audience (DESIGN §7, rights). */
export const allScopes: Readonly<Record<AudienceName, readonly string[]>> = {
  catalog: ['catalog:read', 'catalog:publish', 'catalog:manage', 'catalog:admin', 'audit:read'],
  engine: ['engine:invoke', 'engine:install', 'engine:manage', 'engine:admin', 'audit:read'],
};

const userScopes = { catalog: ['catalog:read'], engine: ['engine:invoke', 'engine:install'] };

export const users: ReadonlyMap<string, User> = new Map(
  [
    { name: 'alice', roles: ['user'], scopes: userScopes },
    { name: 'bob', roles: ['user'], scopes: userScopes },
    {
      name: 'paula',
      roles: ['user', 'publisher'],
      scopes: { ...userScopes, catalog: ['catalog:read', 'catalog:publish', 'catalog:manage'] },
    },
    { name: 'adam', roles: ['user', 'platform-admin'], scopes: allScopes },
  ].map((user) => [user.name, user]),
);
