import { Problem } from '@proxylet/contract';
import type { Installation } from '../installations/installation.js';
import type { SecretVault } from '../secrets/secret-vault.js';
import type { Revision } from './changes.js';

/**
 * The revision that sets a secret.
 *
 * @throws Problem `not-found` where the manifest declares no such name, `consent-required` where its user did not grant
 *   it
 */
export function revisedSecret(
  { id, name: proxylet, version, manifest, granted }: Installation,
  vault: Pick<SecretVault, 'seal'>,
  secret: { readonly name: string; readonly value: string; readonly changedBy: string },
): Revision {
  const { name, value, changedBy } = secret;
  if (manifest.secrets?.includes(name) !== true) {
    throw new Problem('not-found', `${proxylet} ${version} declares no secret ${name}.`);
  }
  if (!granted.secrets.includes(name)) {
    throw new Problem(
      'consent-required',
      `The secret ${name} was not granted to ${proxylet} ${version}; install it again with a consent that names it.`,
    );
  }
  const save = [vault.seal({ installationId: id, name }, value, changedBy)];
  return { reason: `secret ${name} set`, secrets: { save, remove: [] } };
}

/**
 * The revision that takes a secret away; also one that the version in place does not declare any more.
 *
 * @throws Problem `not-found` where it is not set
 */
export function revisedWithoutSecret(
  { id, name: proxylet }: Installation,
  vault: Pick<SecretVault, 'list'>,
  name: string,
): Revision {
  if (!vault.list(id).some((one) => one.name === name)) {
    throw new Problem('not-found', `The secret ${name} of ${proxylet} is not set.`);
  }
  const remove = [{ installationId: id, name }];
  return { reason: `secret ${name} removed`, secrets: { save: [], remove } };
}
