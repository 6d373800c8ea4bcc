import { createHmac, createSign, generateKeyPairSync, sign } from 'node:crypto';
import type { Claims, SigningIssuer } from './signing-issuer.js';

/** What an attack may use: everything but the key of the issuer for what the issuer would not sign. */
export interface AttackGround {
  readonly issuer: SigningIssuer;
  /** Audience of the service under attack, and of another one of the same issuer. */
  readonly audience: string;
  readonly otherAudience: string;
  /** Claims of a token that would be let in. */
  readonly claims: Claims;
}

export interface TokenAttack {
  readonly name: string;
  /** Lines of the request's head, as they are sent. */
  readonly lines: (ground: AttackGround) => string[] | Promise<string[]>;
}

type Text = string | Promise<string>;

const nowSeconds = (): number => Math.floor(Date.now() / 1000);
const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const head = { alg: 'RS256', typ: 'at+jwt', kid: 'key-1' };
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const strangerJwk = stranger.publicKey.export({ format: 'jwk' });
const strangerEc = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function bearer(name: string, token: (ground: AttackGround) => Text): TokenAttack {
  return { name, lines: async (ground) => [`Authorization: Bearer ${await token(ground)}`] };
}

function raw(name: string, lines: (token: string, ground: AttackGround) => string[]): TokenAttack {
  return { name, lines: async (ground) => lines(good(ground), ground) };
}

function good({ issuer, claims }: AttackGround): string {
  return issuer.token(claims);
}

/** Signed by the issuer, with other claims. */
function claims(name: string, changes: (ground: AttackGround) => object): TokenAttack {
  return bearer(name, (ground) => {
    const merged = { ...ground.claims, ...changes(ground) };
    return ground.issuer.token(merged);
  });
}

/** Signed by the issuer, with another header. */
function header(name: string, changes: Claims): TokenAttack {
  return bearer(name, ({ issuer, claims: own }) => issuer.token(own, changes));
}

/** Signed by somebody else, in the name of the issuer. */
function forged(name: string, changes: object = {}): TokenAttack {
  return bearer(name, ({ issuer, claims: own }) => {
    const text = `${part({ ...head, ...changes })}.${part(issuer.claims(own))}`;
    return `${text}.${createSign('RSA-SHA256').update(text).sign(stranger.privateKey).toString('base64url')}`;
  });
}

/** A text in place of the signature, or of a part. */
function unsigned(name: string, make: (payload: string) => string): TokenAttack {
  return bearer(name, ({ issuer, claims: own }) => make(part(issuer.claims(own))));
}

function hmac(name: string, alg: string, secret: (issuer: SigningIssuer) => Text): TokenAttack {
  return bearer(name, async ({ issuer, claims: own }) => {
    const text = `${part({ ...head, alg })}.${part(issuer.claims(own))}`;
    const hash = `sha${alg.slice(2)}`;
    return `${text}.${createHmac(hash, await secret(issuer))
      .update(text)
      .digest('base64url')}`;
  });
}

/** Claims given twice, the second time by an attacker who hopes that checks and use read different ones. */
function duplicated(member: string): TokenAttack {
  return bearer(`${member} twice in a payload the issuer never signed`, ({ issuer, claims: own }) => {
    const text = JSON.stringify(issuer.claims(own)).replace(/^\{/, `{"${member}":"evil",`);
    return `${part(head)}.${Buffer.from(text).toString('base64url')}.${'A'.repeat(342)}`;
  });
}

/** Another text for the same bytes: the last character of a 2048-bit signature has bits that do not count. */
function malleable(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return `${token.slice(0, -1)}${alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]}`;
}

const times: TokenAttack[] = [
  claims('expired a minute ago', () => ({ iat: nowSeconds() - 600, exp: nowSeconds() - 60 })),
  claims('without an end', () => ({ exp: undefined })),
  claims('ending in the year 1e308', () => ({ exp: 1e308 })),
  claims('ending in a week', () => ({ exp: nowSeconds() + 604_800 })),
  claims('whose end is a text', () => ({ exp: String(nowSeconds() + 300) })),
  claims('whose end is a list', () => ({ exp: [nowSeconds() + 300] })),
  claims('not valid before tomorrow', () => ({ nbf: nowSeconds() + 86_400 })),
  claims('issued in the future', () => ({ iat: nowSeconds() + 600 })),
  claims('without a time of issue', () => ({ iat: undefined })),
];

const identities: TokenAttack[] = [
  claims('for another service of the same issuer', ({ otherAudience }) => ({ aud: otherAudience })),
  claims('whose audience only begins like ours', ({ audience }) => ({ aud: `${audience}2` })),
  claims('whose audience is ours in capitals', ({ audience }) => ({ aud: audience.toUpperCase() })),
  claims('without an audience', () => ({ aud: undefined })),
  claims('with an empty list of audiences', () => ({ aud: [] })),
  claims('whose audience is an object', ({ audience }) => ({ aud: { [audience]: true } })),
  claims('whose audience is ours as a part of a list in a list', ({ audience }) => ({ aud: [[audience]] })),
  claims('of an issuer nobody configured', () => ({ iss: 'https://evil.example' })),
  claims('of our issuer with a slash more', ({ issuer }) => ({ iss: `${issuer.url}/` })),
  claims('of our issuer with a user before it', ({ issuer }) => ({ iss: issuer.url.replace('//', '//a@') })),
  claims('without an issuer', () => ({ iss: undefined })),
  claims('whose issuer is a list', ({ issuer }) => ({ iss: [issuer.url] })),
  claims('of nobody', () => ({ sub: undefined })),
  claims('of an empty subject', () => ({ sub: '' })),
  claims('whose subject is an object', () => ({ sub: { toString: 'adam' } })),
  claims('whose subject has 256 characters', () => ({ sub: 'a'.repeat(256) })),
  claims('of no client', () => ({ client_id: undefined })),
  claims('of another client by azp only', () => ({ client_id: undefined, azp: 'web' })),
  claims('of two clients', () => ({ azp: 'another' })),
  claims('bound to a DPoP key', () => ({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } })),
  claims('bound to a certificate', () => ({
    cnf: { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' },
  })),
  claims('bound to a key that is not named', () => ({ cnf: {} })),
];

const headers: TokenAttack[] = [
  header('marked as an ID token', { typ: 'JWT' }),
  header('without a type', { typ: undefined }),
  header('marked as a logout token', { typ: 'logout+jwt' }),
  header('marked as a proof', { typ: 'dpop+jwt' }),
  header('with a kid that is nobody', { kid: 'nobody' }),
  header('with a kid that is a path', { kid: '../../../../dev/null' }),
  header('with a kid that is a query', { kid: "key-1' OR '1'='1" }),
  header('with a kid of 300 characters', { kid: 'k'.repeat(300) }),
  forged('signed by another key'),
  forged('signed by the key it brings along', { jwk: strangerJwk }),
  forged('signed by a key it points to', { jku: 'https://evil.example/jwks', kid: 'evil' }),
  forged('signed by a key of a certificate it brings along', { x5c: ['MIIB'], x5u: 'https://evil.example' }),
  forged('with a critical extension', { crit: ['exp'] }),
  forged('with an unencoded payload', { b64: false, crit: ['b64'] }),
  forged('that says it is compressed', { zip: 'DEF' }),
  forged('with an algorithm as a list', { alg: ['RS256'] }),
  forged('with an algorithm in small letters', { alg: 'rs256' }),
  forged('with another algorithm of the family', { alg: 'RS512' }),
  forged('with PSS in its header', { alg: 'PS256' }),
  forged('with a kid that is a number', { kid: 1 }),
  forged('with an inherited name as a kid', { kid: '__proto__' }),
];

const signatures: TokenAttack[] = [
  ...['none', 'None', 'NONE', 'nOnE', ''].map((alg) =>
    unsigned(
      `with the algorithm ${JSON.stringify(alg)}`,
      (payload) => `${part({ ...head, alg })}.${payload}.AA`,
    ),
  ),
  unsigned('without a signature', (payload) => `${part(head)}.${payload}.`),
  unsigned(
    'with an algorithm of none and nothing behind',
    (payload) => `${part({ alg: 'none' })}.${payload}.`,
  ),
  unsigned('with a signature of zeros', (payload) => `${part(head)}.${payload}.${'A'.repeat(342)}`),
  unsigned('with an ECDSA signature of zeros', (payload) =>
    [part({ ...head, alg: 'ES256' }), payload, 'A'.repeat(86)].join('.'),
  ),
  unsigned('signed by an elliptic key of its own', (payload) => {
    const text = `${part({ ...head, alg: 'ES256' })}.${payload}`;
    const key = { key: strangerEc.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
  }),
  hmac('HMAC with the public key in PEM', 'HS256', (issuer) => issuer.publicPem()),
  hmac('HMAC with the public key in JSON', 'HS256', (issuer) => JSON.stringify(issuer.publicJwk())),
  hmac('HMAC with the modulus', 'HS512', (issuer) => issuer.publicJwk().n ?? ''),
  hmac('HMAC with an empty secret', 'HS256', () => ''),
  bearer('with another payload under a good signature', async (ground) => {
    const [first, , signature] = good(ground).split('.');
    return `${first}.${part(ground.issuer.claims({ ...ground.claims, sub: 'adam', roles: ['platform-admin'] }))}.${signature}`;
  }),
  bearer('cut off by a character', (ground) => good(ground).slice(0, -1)),
  bearer('cut off in the payload', (ground) => good(ground).slice(0, 200)),
  duplicated('aud'),
  duplicated('sub'),
];

const forms: TokenAttack[] = [
  bearer('another text for the same signature', (ground) => malleable(good(ground))),
  bearer('with padding', (ground) => `${good(ground)}==`),
  bearer('in the alphabet of plain base64', (ground) => good(ground).replaceAll(/[-_]/g, '+')),
  bearer('with a blank inside', (ground) => good(ground).replace('.', '. ')),
  bearer('with a fourth part', (ground) => `${good(ground)}.AA`),
  bearer('encrypted, in five parts', () => 'eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA'),
  bearer('whose header is a list', () => `${part([1])}.${part({})}.AA`),
  bearer('whose header is null', () => `${part(null)}.${part({})}.AA`),
  bearer('whose payload is a text', () => `${part(head)}.${part('alice')}.AA`),
  bearer('whose payload is null', () => `${part(head)}.${part(null)}.AA`),
  bearer('whose header is no JSON', () => 'AAAA.AAAA.AAAA'),
  bearer('whose header is no UTF-8', () => `${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.e30.AA`),
  bearer(
    'whose header poisons a prototype',
    () => `${Buffer.from('{"__proto__":{"alg":"none"}}').toString('base64url')}.e30.AA`,
  ),
  bearer(
    'nested a thousand deep',
    () => `${part(head)}.${Buffer.from(`${'['.repeat(2500)}${']'.repeat(2500)}`).toString('base64url')}.AA`,
  ),
  bearer('of 15 KB', () => `${'a'.repeat(15_000)}.b.c`),
  bearer('of 15 KB without a dot', () => 'a'.repeat(15_000)),
  bearer('of dots alone', () => '..'),
  bearer('of one character', () => 'x'),
  bearer('that is empty', () => ''),
  bearer('that is undefined', () => 'undefined'),
  raw('without a scheme', (token) => [`Authorization: ${token}`]),
  raw('with the scheme DPoP and a replayed proof', (token) => [
    `Authorization: DPoP ${token}`,
    `DPoP: ${token}`,
  ]),
  raw('with the scheme Basic', (token) => [
    `Authorization: Basic ${Buffer.from(`x:${token}`).toString('base64')}`,
  ]),
  raw('with the scheme JWT', (token) => [`Authorization: JWT ${token}`]),
  raw('with two blanks', (token) => [`Authorization: Bearer  ${token}`]),
  raw('with a tab for a blank', (token) => [`Authorization: Bearer\t${token}`]),
  raw('with a comma behind', (token) => [`Authorization: Bearer ${token},`]),
  raw('two in one header', (token) => [`Authorization: Bearer ${token}, Bearer ${token}`]),
  raw('a bad one before a good one in two headers', (token) => [
    'Authorization: Bearer x.y.z',
    `Authorization: Bearer ${token}`,
  ]),
  raw('15 KB of blanks before it', (token) => [`Authorization: Bearer ${' '.repeat(12_000)}${token}`]),
  raw('a NUL inside', (token) => [`Authorization: Bearer ${token.slice(0, 9)}\0${token.slice(9)}`]),
  raw('a lonely line feed inside', (token) => [
    `Authorization: Bearer ${token.slice(0, 9)}\n${token.slice(9)}`,
  ]),
  raw('a letter of another script inside', (token) => [
    `Authorization: Bearer ${token.slice(0, 9)}\u00e9${token.slice(9)}`,
  ]),
  raw('in a cookie', (token) => [`Cookie: access_token=${token}; Authorization=Bearer ${token}`]),
  raw('in the header of Wilma', (token) => [`X-Auth-Token: ${token}`]),
  raw('in the header of a proxy', (token) => [
    `Proxy-Authorization: Bearer ${token}`,
    `X-Forwarded-Access-Token: ${token}`,
  ]),
  raw('as the identity that a proxy found', () => [
    'X-Nick-Name: adam',
    'X-Roles: platform-admin',
    'X-App-Id: x',
    'Remote-User: adam',
  ]),
];

/** Every way to show a token that must lead nowhere. */
export const tokenAttacks: readonly TokenAttack[] = [
  ...times,
  ...identities,
  ...headers,
  ...signatures,
  ...forms,
];
