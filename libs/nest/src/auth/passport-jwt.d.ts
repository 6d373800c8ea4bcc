/** The part of passport-jwt 4.0.1 that is used; the package brings no types. */
declare module 'passport-jwt' {
  import type { KeyObject } from 'node:crypto';

  export interface StrategyOptions<R> {
    readonly jwtFromRequest: (request: R) => string;
    readonly secretOrKeyProvider: (
      request: R,
      token: string,
      done: (error: unknown, key?: KeyObject) => void,
    ) => void;
    readonly algorithms: readonly string[];
    readonly issuer: readonly string[];
    readonly audience: readonly string[];
    readonly passReqToCallback: true;
    readonly jsonWebTokenOptions: { readonly clockTolerance: number };
  }

  class Strategy<R> {
    readonly name: string;
    constructor(
      options: StrategyOptions<R>,
      verify: (
        request: R,
        payload: unknown,
        done: (error: unknown, user?: unknown, info?: unknown) => void,
      ) => void,
    );
  }

  const passportJwt: { readonly Strategy: typeof Strategy };
  export default passportJwt;
}

declare module 'passport' {
  interface Authenticator {
    use(name: string, strategy: object): this;
    unuse(name: string): this;
  }
  const passport: Authenticator;
  export default passport;
}
