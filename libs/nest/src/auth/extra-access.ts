import type { Principal } from '@proxylet/auth';

/** Judges tokens that the service handed out itself, told from those of an IdM by how they begin. */
export interface OwnTokens {
  /** Must not be how a JWT begins (`eyJ`). */
  readonly prefix: string;
  /**
   * @param address of whoever sent the request, as the connection says
   * @throws Problem `invalid-token` or another one of status 401 or 403
   */
  verify(token: string, address: string): Promise<Principal>;
}

/**
 * What an application may add to the access rules, by providing this class in its module. Without it every route
 * that is not public needs a token of a configured issuer.
 */
export abstract class ExtraAccess {
  abstract readonly ownTokens: OwnTokens | undefined;
  /** Whether endpoints marked `anonymous` are answered without a token; a wrong token is refused all the same. */
  abstract readonly admitsAnonymous: boolean;
}
