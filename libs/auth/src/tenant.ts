import { Problem } from '@proxylet/contract';
import type { Principal } from './principal.js';

/** FIWARE's grammar of a `Fiware-Service`; compared in lower case. */
const tenantForm = /^[a-z0-9_]{1,50}$/;

/** Of names in a token those that can be a tenant, in lower case, without the slashes of a path (`/a`). */
export function tenantsOf(names: readonly string[]): string[] {
  const tenants = names.map((name) => name.toLowerCase().replace(/^\//, ''));
  return [...new Set(tenants.filter((tenant) => tenantForm.test(tenant)))];
}

/**
 * The caller within the tenant it selects. A tenant has principals of its own: the same person is another owner
 * there. The header selects among the tenants of the token and grants nothing.
 *
 * @param selected value of `Fiware-Service`; absent or empty is the default tenant
 * @throws Problem `invalid-tenant` where it is no tenant name, `tenant-refused` where the token is not of it
 */
export function inTenant(principal: Principal, selected: string | undefined): Principal {
  if (selected === undefined || selected === '') return principal;
  const tenant = selected.toLowerCase();
  if (!tenantForm.test(tenant)) {
    throw new Problem(
      'invalid-tenant',
      'Fiware-Service must be 1 to 50 letters, digits and underscores, one tenant only.',
    );
  }
  if (!principal.tenants.includes(tenant)) {
    throw new Problem(
      'tenant-refused',
      'The access token does not belong to the tenant Fiware-Service names.',
    );
  }
  return scoped(principal, tenant);
}

const known = new WeakMap<Principal, Map<string, Principal>>();

/** One object per principal and tenant, since much is remembered by the object. */
function scoped(principal: Principal, tenant: string): Principal {
  let ofPrincipal = known.get(principal);
  if (ofPrincipal === undefined) known.set(principal, (ofPrincipal = new Map<string, Principal>()));
  const before = ofPrincipal.get(tenant);
  if (before !== undefined) return before;
  // No key of the default tenant begins like this: those begin with the type of the principal.
  const inside = { ...principal, key: `tenant ${tenant}|${principal.key}` };
  ofPrincipal.set(tenant, inside);
  return inside;
}
