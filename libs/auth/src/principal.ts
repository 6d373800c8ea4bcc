/** The verified caller of a request; made from a token by `TokenVerifier`, from nothing else. */
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
  /** `jti`, where the issuer sets one. */
  readonly tokenId: string | undefined;
  readonly expiresAtMs: number;
}

export function principalKey(type: Principal['type'], issuer: string, subject: string): string {
  return `${type}|${issuer}|${subject}`;
}
