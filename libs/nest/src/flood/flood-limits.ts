import type { IncomingMessage } from 'node:http';
import type { Principal } from '@proxylet/auth';
import type { Problem } from '@proxylet/contract';
import { ClientAddress } from './client-address.js';
import { callerAddress, RateLimit } from './rate-limit.js';

export interface FloodLimitsOptions {
  /** Ranges whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  /** Requests a minute from one address, and of one principal; 0: as many as come. */
  readonly perAddress: number;
  readonly perPrincipal: number;
  /** Refused credentials a minute from one address, after which only known tokens are looked at; 0: no end. */
  readonly refusals: number;
}

/** Bounds on what one caller may send, counted in this process. An IPv6 caller is its /64. */
export class FloodLimits {
  readonly clients: ClientAddress;
  readonly #perAddress: RateLimit | undefined;
  readonly #perPrincipal: RateLimit | undefined;
  readonly #refusals: RateLimit | undefined;

  constructor({ trustedProxies, perAddress, perPrincipal, refusals }: FloodLimitsOptions) {
    this.clients = new ClientAddress(trustedProxies);
    this.#perAddress = limitOf(perAddress);
    this.#perPrincipal = limitOf(perPrincipal);
    this.#refusals = limitOf(refusals);
  }

  /** @throws Problem `too-many-requests` */
  takeRequest(request: IncomingMessage): void {
    this.#perAddress?.take(this.#keyOf(request));
  }

  /** @throws Problem `too-many-requests` */
  takeCall({ key }: Pick<Principal, 'key'>): void {
    this.#perPrincipal?.take(key);
  }

  /** Before a token is verified that is not known. @throws Problem `too-many-requests` */
  assertMayTry(request: IncomingMessage): void {
    this.#refusals?.assertSpace(this.#keyOf(request));
  }

  /** Counts what was wrong with the caller's credentials; everything else is not counted. */
  note({ code }: Pick<Problem, 'code'>, request: IncomingMessage): void {
    if (code === 'invalid-token') this.#refusals?.add(this.#keyOf(request));
  }

  #keyOf(request: IncomingMessage): string {
    return callerAddress(this.clients.of(request));
  }
}

function limitOf(perMinute: number): RateLimit | undefined {
  return perMinute === 0 ? undefined : new RateLimit({ perMinute });
}
