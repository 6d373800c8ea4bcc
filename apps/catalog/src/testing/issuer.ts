import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface TokenWishes {
  readonly subject: string;
  /** Blank-separated; by default everything a publisher has. */
  readonly scope?: string;
  readonly roles?: readonly string[];
  readonly audience?: string;
}

/** A token issuer with a key of its own, published as any IdM does: discovery document and JWKS over HTTP. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  token(wishes: TokenWishes): Promise<string>;
}

export const everyScope = 'catalog:read catalog:publish catalog:manage';

export async function startIssuer(): Promise<TestIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'ES256', use: 'sig' };
  const server = createServer((request, response) => {
    const url = `http://${request.headers.host ?? ''}`;
    const document =
      request.url === '/jwks'
        ? { keys: [jwk] }
        : { issuer: url, jwks_uri: `${url}/jwks`, token_endpoint: `${url}/token` };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    token: ({ subject, scope = everyScope, roles = [], audience = 'urn:proxylet:catalog' }) =>
      new SignJWT({ client_id: 'test-client', scope, roles })
        .setProtectedHeader({ alg: 'ES256', kid: 'test', typ: 'at+jwt' })
        .setIssuer(url)
        .setSubject(subject)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('10m')
        .setJti(crypto.randomUUID())
        .sign(privateKey),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
