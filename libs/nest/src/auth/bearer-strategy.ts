import { KeyObject } from 'node:crypto';
import { bearerText, type Principal, type TokenVerifier } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { FastifyRequest } from 'fastify';
import passportJwt from 'passport-jwt';

/** Largest clock difference a profile may allow; jose has applied the exact one before. */
const clockToleranceSeconds = 60;

/**
 * passport-jwt with the whole verification inside its key provider: the verifier (jose) decides, and only the key
 * of a token it accepted reaches jsonwebtoken, which then repeats the signature check. The strategy's payload is
 * ignored; the principal comes from the verifier.
 *
 * Two traps of passport-jwt 4.0.1 are kept shut here: `algorithms`, `issuer` and `audience` count only at the top
 * level of its options, and a key provider must be a plain function, since the rejection of an async one is lost.
 */
export function bearerStrategy(verifier: TokenVerifier): object {
  const { algorithms, issuers, audiences } = verifier;
  if (algorithms.length === 0 || issuers.length === 0 || audiences.length === 0) {
    throw new Error('An empty list of algorithms, issuers or audiences would switch the check off.');
  }
  const verified = new WeakMap<FastifyRequest, Principal>();
  return new passportJwt.Strategy<FastifyRequest>(
    {
      jwtFromRequest: (request) => bearerText(request.headers.authorization),
      secretOrKeyProvider: (request, token, done) => {
        void provideKey(verifier, token, (principal) => verified.set(request, principal), done);
      },
      algorithms,
      issuer: issuers,
      audience: audiences,
      passReqToCallback: true,
      jsonWebTokenOptions: { clockTolerance: clockToleranceSeconds },
    },
    (request, _payload, done) => {
      const principal = verified.get(request);
      if (principal === undefined) done(new Problem('invalid-token', 'The access token was not verified.'));
      else done(null, principal);
    },
  );
}

/** Answers exactly once through `done` and never rejects. */
async function provideKey(
  verifier: TokenVerifier,
  token: string,
  remember: (principal: Principal) => void,
  done: (error: unknown, key?: KeyObject) => void,
): Promise<void> {
  let keyObject: KeyObject;
  try {
    const { principal, key } = await verifier.verify(token);
    if (key === undefined) throw new Problem('invalid-token', 'The access token is not one for this check.');
    keyObject = KeyObject.from(key);
    remember(principal);
  } catch (error) {
    done(error);
    return;
  }
  done(null, keyObject);
}
