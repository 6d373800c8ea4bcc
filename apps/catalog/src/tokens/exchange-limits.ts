import { callerAddress, RateLimit } from '@proxylet/nest';

/** How often tokens are exchanged, in this process. */
export class ExchangeLimits {
  private readonly ofAddress: RateLimit;
  private readonly ofIssuer: RateLimit;

  constructor(perMinute: number) {
    this.ofAddress = new RateLimit({ perMinute });
    this.ofIssuer = new RateLimit({ perMinute });
  }

  /** Before anything is looked at. @throws Problem `too-many-requests` */
  takeAddress(address: string): void {
    this.ofAddress.take(callerAddress(address));
  }

  /**
   * After a policy took the token: whoever has no token that a policy takes cannot use up what is others'.
   *
   * @throws Problem `too-many-requests`
   */
  takeIssuer(issuer: string, namespace: string): void {
    this.ofIssuer.take(`${namespace} ${issuer}`);
  }
}
