import { generateKeyPairSync, type JsonWebKey, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Claims = Readonly<Record<string, unknown>>;

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'key-1', alg: 'RS256', use: 'sig' };
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An issuer whose key a test holds, for tokens that no sane issuer would sign. */
export class SigningIssuer implements AsyncDisposable {
  /** Requests for its keys so far. */
  keyFetches = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<SigningIssuer> {
    const server = createServer();
    const issuer = new SigningIssuer(server);
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

  publicJwk(): JsonWebKey {
    return jwk;
  }

  publicPem(): string {
    return publicKey.export({ type: 'spki', format: 'pem' }).toString();
  }

  claims(changes: Claims = {}): Claims {
    const now = Math.floor(Date.now() / 1000);
    return { iss: this.url, sub: 'alice', jti: 'token-1', iat: now, exp: now + 300, ...changes };
  }

  token(changes: Claims = {}, header: Claims = {}): string {
    const head = { alg: 'RS256', typ: 'at+jwt', kid: 'key-1', ...header };
    const text = `${part(head)}.${part(this.claims(changes))}`;
    return `${text}.${sign('sha256', Buffer.from(text), privateKey).toString('base64url')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => {
      this.server.close(done);
    });
  }
}
