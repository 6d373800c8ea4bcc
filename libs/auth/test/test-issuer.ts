import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/** A real issuer on a real socket: discovery and key set by HTTP, tokens signed by jose. */
export class TestIssuer implements AsyncDisposable {
  /** Requests for the key set so far. */
  keyFetches = 0;
  /** What the key set endpoint answers with; tests may put anything here. */
  document: unknown;
  status = 200;
  /** Says in the metadata who it is; a test may let it lie. */
  claimedIssuer: string | undefined;
  readonly #server: Server;
  #keys: SigningKey[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(alg = 'RS256'): Promise<TestIssuer> {
    const server = createServer();
    const issuer = new TestIssuer(server);
    server.on('request', (request, response) => {
      const body = issuer.#answer(request.url ?? '');
      response.writeHead(body === undefined ? 404 : issuer.status, {
        'content-type': 'application/json',
        location: '/elsewhere',
      });
      response.end(JSON.stringify(body ?? {}));
    });
    await issuer.online();
    await issuer.addKey('key-1', alg);
    return issuer;
  }

  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async online(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(this.#port, '127.0.0.1', resolve);
    await promise;
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async offline(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => {
      resolve();
    });
    this.#server.closeAllConnections();
    await promise;
  }

  async addKey(kid: string, alg = 'RS256'): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const publicJwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
    this.#keys.push({ kid, alg, privateKey, publicJwk });
    this.document = { keys: this.#keys.map((key) => key.publicJwk) };
  }

  /** The key is not published any more; tokens signed before stay as they are. */
  withdraw(kid: string): void {
    this.document = { keys: this.#keys.filter((key) => key.kid !== kid).map((key) => key.publicJwk) };
  }

  publicJwk(kid = 'key-1'): JWK {
    return this.#key(kid).publicJwk;
  }

  claims(changes: JWTPayload = {}, now = Math.floor(Date.now() / 1000)): JWTPayload {
    return {
      iss: this.url,
      sub: 'alice',
      aud: 'urn:proxylet:test',
      client_id: 'web',
      scope: 'catalog:read catalog:publish',
      roles: ['user'],
      jti: 'token-1',
      iat: now,
      exp: now + 300,
      ...changes,
    };
  }

  async token(
    changes: JWTPayload = {},
    header: Partial<JWTHeaderParameters> = {},
    kid = 'key-1',
  ): Promise<string> {
    const key = this.#key(kid);
    return new SignJWT(this.claims(changes))
      .setProtectedHeader({ alg: key.alg, typ: 'at+jwt', kid, ...header })
      .sign(key.privateKey);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.offline();
  }

  #key(kid: string): SigningKey {
    const key = this.#keys.find((one) => one.kid === kid);
    if (key === undefined) throw new Error(`no key ${kid}`);
    return key;
  }

  #answer(path: string): unknown {
    if (path === '/.well-known/openid-configuration') {
      return {
        issuer: this.claimedIssuer ?? this.url,
        jwks_uri: `${this.url}/jwks`,
        token_endpoint: `${this.url}/token`,
      };
    }
    if (path !== '/jwks') return undefined;
    this.keyFetches += 1;
    return this.document;
  }
}

/** A folder that goes away at the end of the block. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'proxylet-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}
