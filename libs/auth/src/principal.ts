import type { Grant } from './grant.js';

/** The verified caller of a request; made from a token by `TokenVerifier` or `OwnTokens`, from nothing else. */
export interface Principal {
  /** `service` where the token speaks for a client itself and not for a user (RFC 9068 §5: `sub` is the client). */
  readonly type: 'user' | 'service';
  /** `type|issuer|subject`: the identity to store and compare; a client named `alice` is not the user `alice`. */
  readonly key: string;
  readonly issuer: string;
  readonly subject: string;
  readonly clientId: string | undefined;
  readonly scopes: ReadonlySet<string>;
  readonly roles: readonly string[];
  /** Tenants the caller may select by `Fiware-Service`, besides the default one. */
  readonly tenants: readonly string[];
  /** `jti`, where the issuer sets one. */
  readonly tokenId: string | undefined;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** When the identity manager must be asked again; absent where the token proves itself until it ends. */
  readonly recheckAtMs?: number | undefined;
  /** Set where the token was handed out by this service itself: it narrows all the rest. */
  readonly grant?: Grant | undefined;
}

export function principalKey(type: Principal['type'], issuer: string, subject: string): string {
  return `${type}|${issuer}|${subject}`;
}

/** Key under which everybody with a role of an issuer is a member. */
export function roleKey(issuer: string, role: string): string {
  return `role:${issuer}|${role}`;
}

/**
 * Every key the caller may be a member under: its own and those of its roles. A token of our own says nothing of
 * the roles its owner has now, so that it has the owner's own memberships only.
 */
export function memberKeysOf({ key, issuer, roles, grant }: Principal): readonly string[] {
  return grant === undefined ? [key, ...roles.map((role) => roleKey(issuer, role))] : [key];
}
