import type { Provider } from 'oidc-provider';
import { z } from 'zod';
import type { Audiences } from './idm.config.js';
import { devClientId, resourceServer } from './provider.js';
import { type AudienceName, audienceNames, users } from './users.js';

/** Answer of the token endpoint (RFC 6749 §5.1). */
export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** A refusal in the words of RFC 6749 §5.2. */
export class TokenRefusal extends Error {
  override readonly name = 'TokenRefusal';

  constructor(
    readonly code: 'invalid_request' | 'invalid_grant' | 'invalid_target' | 'invalid_scope',
    message: string,
  ) {
    super(message);
  }
}

const requestSchema = z.strictObject({
  user: z.string().min(1).max(100),
  audience: z.string().min(1).max(200),
  /** Narrows the token; without it the user's every scope for the audience is given. */
  scope: z.string().max(1000).optional(),
});

export interface DevTokenOptions {
  readonly provider: Provider;
  readonly audiences: Audiences;
  readonly tokenTtlSeconds: number;
}

/**
 * Issues an access token for a named user without asking for a password.
 *
 * @throws TokenRefusal
 */
export async function issueDevToken(options: DevTokenOptions, input: unknown): Promise<TokenAnswer> {
  const { provider, audiences, tokenTtlSeconds } = options;
  const request = requestSchema.safeParse(input);
  if (!request.success) {
    throw new TokenRefusal(
      'invalid_request',
      'send user and audience (catalog or engine), and scope if you like',
    );
  }
  const user = users.get(request.data.user);
  if (user === undefined) {
    throw new TokenRefusal('invalid_grant', `no such user: the users are ${[...users.keys()].join(', ')}`);
  }
  const audience = audienceOf(request.data.audience, audiences);
  const scopes = grantedScopes(user.scopes[audience], request.data.scope);
  const client = await provider.Client.find(devClientId);
  if (client === undefined) throw new Error(`The client ${devClientId} is not configured`);
  const token = new provider.AccessToken({
    client,
    accountId: user.name,
    grantId: `dev-${user.name}`,
    gty: 'dev_token',
    scope: scopes.join(' '),
    resourceServer: new provider.ResourceServer(
      audiences[audience],
      resourceServer(audiences[audience], user.scopes[audience], tokenTtlSeconds),
    ),
    expiresIn: tokenTtlSeconds,
  });
  return {
    access_token: await token.save(),
    token_type: 'Bearer',
    expires_in: tokenTtlSeconds,
    scope: scopes.join(' '),
  };
}

function audienceOf(text: string, audiences: Audiences): AudienceName {
  const name = audienceNames.find((candidate) => text === candidate || text === audiences[candidate]);
  if (name === undefined) throw new TokenRefusal('invalid_target', 'audience must be catalog or engine');
  return name;
}

function grantedScopes(allowed: readonly string[], wanted: string | undefined): readonly string[] {
  if (wanted === undefined) return allowed;
  const scopes = [...new Set(wanted.split(' ').filter((scope) => scope !== ''))];
  if (scopes.every((scope) => allowed.includes(scope))) return scopes;
  throw new TokenRefusal('invalid_scope', `this user may ask for ${allowed.join(' ')}`);
}
