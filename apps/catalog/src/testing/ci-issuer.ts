import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

/** A CI that gives its jobs identity tokens: discovery and keys over HTTP, as any OpenID Connect issuer. */
export interface CiIssuer extends AsyncDisposable {
  readonly url: string;
  /** Requests for its keys so far. */
  readonly keyFetches: number;
  /** Connections to it so far, also such as said nothing it understands. */
  readonly connections: number;
  /** Whatever the claims say, it is signed with this issuer's key. */
  identityToken(claims?: JWTPayload): Promise<string>;
}

let jobs = 0;

export async function startCi(): Promise<CiIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'ci', alg: 'RS256', use: 'sig' };
  let keyFetches = 0;
  let connections = 0;
  const server = createServer((request, response) => {
    const url = `http://${request.headers.host ?? ''}`;
    const isKeys = request.url === '/jwks';
    if (isKeys) keyFetches += 1;
    response
      .setHeader('content-type', 'application/json')
      .end(JSON.stringify(isKeys ? { keys: [jwk] } : { issuer: url, jwks_uri: `${url}/jwks` }));
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    get keyFetches() {
      return keyFetches;
    },
    get connections() {
      return connections;
    },
    identityToken: (claims = {}) => {
      jobs += 1;
      const now = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: url, iat: now, exp: now + 300, jti: `job-${jobs}`, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: 'ci', typ: 'JWT' })
        .sign(privateKey);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
