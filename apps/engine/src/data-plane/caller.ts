import type { Principal } from '@proxylet/auth';
import type { GuestUser } from '@proxylet/sandbox';

const users = new WeakMap<Principal, GuestUser>();

/** What a guest may know of the caller; one object per verified token. */
export function userOf(principal: Principal): GuestUser {
  const known = users.get(principal);
  if (known !== undefined) return known;
  const { subject, issuer, roles } = principal;
  const user = { subject, issuer, roles };
  users.set(principal, user);
  return user;
}
