import { Problem } from '@proxylet/contract';
import { z } from 'zod';
import { discover } from './discovery.js';
import { type Fetch, FetchFailed, fetchLimited } from './fetch-json.js';
import { basicAuthorization } from './form-encoding.js';

export interface ClientCredentialsOptions {
  /** Found by discovery at this issuer where `tokenEndpoint` is not given. */
  readonly issuer?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  readonly clientId: string;
  readonly clientSecret: string;
  /** RFC 8707: the audience the token is for. */
  readonly resource: string;
  readonly scope: string;
  readonly fetch?: Fetch;
  readonly now?: () => number;
}

export interface TokenSource {
  /**
   * @throws Problem `idm-unavailable` where the identity manager is away, `catalog-refused` where it refuses this
   *   client
   */
  token(): Promise<string>;
  /** Drops the token in hand; call it when the other side answered 401. */
  forget(): void;
}

const answerSchema = z.object({
  access_token: z.string().min(1),
  // Some identity managers leave it out; then the token is used for a minute.
  expires_in: z.number().positive().default(60),
});

interface Held {
  readonly token: string;
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

/** The client's own access token (RFC 6749 §4.4): fetched once for all who wait, renewed before it expires. */
export function clientCredentials(options: ClientCredentialsOptions): TokenSource {
  const { now = Date.now } = options;
  let held: Held | undefined;
  let pending: Promise<string> | undefined;

  const renew = async (): Promise<string> => {
    try {
      held = await request(options, now);
      return held.token;
    } catch (error) {
      if (held !== undefined && held.expiresAtMs > now()) return held.token;
      throw error;
    } finally {
      pending = undefined;
    }
  };
  return {
    token: async () => {
      if (held !== undefined && held.renewAtMs > now()) return held.token;
      pending ??= renew();
      return pending;
    },
    forget: () => {
      held = undefined;
    },
  };
}

async function request(options: ClientCredentialsOptions, now: () => number): Promise<Held> {
  const { fetch = globalThis.fetch, clientId, clientSecret, resource, scope } = options;
  const startedAtMs = now();
  const { status, body } = await outageIs(async () =>
    fetchLimited(fetch, await endpointOf(options, fetch), {
      method: 'POST',
      headers: {
        authorization: basicAuthorization(clientId, clientSecret),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource, scope }).toString(),
    }),
  );
  if (status >= 500 || status === 429) throw unavailable(new Error(`the token endpoint answered ${status}`));
  const answer = answerSchema.safeParse(body);
  if (status !== 200 || !answer.success) {
    throw new Problem(
      'catalog-refused',
      `The identity manager refused the client ${clientId} (status ${status}).`,
    );
  }
  const lifeMs = answer.data.expires_in * 1000;
  return {
    token: answer.data.access_token,
    renewAtMs: startedAtMs + Math.max(lifeMs * 0.75, lifeMs - 30_000),
    expiresAtMs: startedAtMs + lifeMs,
  };
}

async function endpointOf(options: ClientCredentialsOptions, fetch: Fetch): Promise<string> {
  if (options.tokenEndpoint !== undefined) return options.tokenEndpoint;
  if (options.issuer === undefined) throw new Error('clientCredentials needs an issuer or a tokenEndpoint');
  const { token_endpoint: endpoint } = await discover(fetch, options.issuer);
  if (endpoint === undefined) throw new FetchFailed(`${options.issuer} names no token endpoint`);
  return endpoint;
}

async function outageIs<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof FetchFailed ? unavailable(error) : error;
  }
}

function unavailable(cause: Error): Problem {
  return new Problem('idm-unavailable', 'The identity manager cannot be reached; no token could be had.', {
    retryAfterSeconds: 5,
    cause,
  });
}
