import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose';

/** An issuer whose key a test holds, for tokens that no sane issuer would sign. */
export class SigningIssuer implements AsyncDisposable {
  /** Requests for its keys so far. */
  keyFetches = 0;

  private constructor(
    private readonly server: Server,
    private readonly privateKey: CryptoKey,
    private readonly jwk: JWK,
  ) {}

  static async start(): Promise<SigningIssuer> {
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'key-1', alg: 'RS256', use: 'sig' };
    const server = createServer();
    const issuer = new SigningIssuer(server, privateKey, jwk);
    server.on('request', (request, response) => {
      const isKeys = request.url === '/jwks';
      if (isKeys) issuer.keyFetches += 1;
      const body = isKeys ? { keys: [jwk] } : { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
    });
    await new Promise<void>((done) => {
      server.listen(0, '127.0.0.1', done);
    });
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  publicJwk(): JWK {
    return this.jwk;
  }

  claims(changes: JWTPayload = {}): JWTPayload {
    const now = Math.floor(Date.now() / 1000);
    return { iss: this.url, sub: 'alice', jti: 'token-1', iat: now, exp: now + 300, ...changes };
  }

  token(changes: JWTPayload = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
    return new SignJWT(this.claims(changes))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'key-1', ...header })
      .sign(this.privateKey);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => {
      this.server.close(done);
    });
  }
}
