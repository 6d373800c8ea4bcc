import { createHash, randomBytes } from 'node:crypto';
import { type Principal, principalKey } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { ExtraAccess, Log, OwnTokens } from '@proxylet/nest';
import { useCode } from './one-time-code.js';

export interface BreakGlassOptions {
  /** Folder of the engine's state. */
  readonly folder: string;
  readonly log: Log;
  readonly now?: () => number;
}

export interface LocalToken {
  readonly token: string;
  readonly expiresAt: string;
}

const prefix = 'pxb_';
/** Must not be the address of an issuer somebody could configure. */
const issuer = 'urn:proxylet:this-engine';
const tokenLivesMs = 30 * 60_000;
const maxTokens = 10;

/**
 * The way in for an admin in front of the box when no identity manager can be reached: a one-time code, printed by
 * `npm run engine -- break-glass`, is exchanged for a token of half an hour. It manages the engine and calls nothing,
 * ends with the process, and each step is told to the log.
 */
export class BreakGlass implements ExtraAccess {
  readonly admitsAnonymous = false;
  readonly ownTokens: OwnTokens = { prefix, verify: (token, address) => this.verify(token, address) };
  private readonly byDigest = new Map<string, Principal>();
  private readonly now: () => number;

  constructor(private readonly options: BreakGlassOptions) {
    this.now = options.now ?? Date.now;
  }

  /** @throws Problem `invalid-token` */
  async exchange(code: string, address: string): Promise<LocalToken> {
    const { folder, log } = this.options;
    if (!(await useCode(folder, code, this.now()))) {
      log.warn({ address, audit: 'break-glass.refused' }, 'a wrong or old code for local administration');
      throw new Problem('invalid-token', 'This code is not valid, or not any more.');
    }
    const token = `${prefix}${randomBytes(32).toString('base64url')}`;
    const principal = localAdmin(this.now());
    this.byDigest.set(digestOf(token), principal);
    for (const oldest of this.byDigest.keys()) {
      if (this.byDigest.size <= maxTokens) break;
      this.byDigest.delete(oldest);
    }
    log.warn({ address, audit: 'break-glass.opened' }, 'local administration is open for half an hour');
    return { token, expiresAt: new Date(principal.expiresAtMs).toISOString() };
  }

  private verify(token: string, address: string): Promise<Principal> {
    const principal = this.byDigest.get(digestOf(token));
    if (principal === undefined || principal.expiresAtMs <= this.now()) {
      return Promise.reject(new Problem('invalid-token', 'The token for local administration has ended.'));
    }
    this.options.log.warn({ address, audit: 'break-glass.used' }, 'local administration is used');
    return Promise.resolve(principal);
  }
}

function localAdmin(nowMs: number): Principal {
  const subject = 'break-glass';
  return {
    type: 'user',
    key: principalKey('user', issuer, subject),
    issuer,
    subject,
    clientId: undefined,
    scopes: new Set(['engine:manage', 'engine:admin']),
    roles: ['platform-admin'],
    tenants: [],
    tokenId: undefined,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + tokenLivesMs,
  };
}

function digestOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
