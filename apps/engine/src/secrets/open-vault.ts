import { join } from 'node:path';
import type { EngineConfig } from '../engine.config.js';
import { KeyRing } from './key-ring.js';
import { SecretVault, type VaultStore } from './secret-vault.js';

export interface OpenVaultOptions {
  readonly config: Pick<EngineConfig, 'secretsKeys'>;
  readonly stateDir: string;
  readonly store: VaultStore;
  readonly log: { warn(fields: object, message: string): void };
}

/**
 * Opens the keys, which lie beside the database and never in it, and reads the secrets. One whose key is lost does not
 * hold up the rest: it counts as not set, and the log says so.
 *
 * @throws ServiceFault where the file of keys cannot be used
 */
export async function openVault({ config, stateDir, store, log }: OpenVaultOptions): Promise<SecretVault> {
  const keys = await KeyRing.open({
    file: join(stateDir, 'secrets.key'),
    given: config.secretsKeys ?? [],
    onOpenToOthers: (file) => log.warn({ file }, 'the keys of secrets could be read by others; now closed'),
  });
  const vault = new SecretVault(keys, store);
  await vault.load();
  const { unreadable } = vault;
  if (unreadable > 0) log.warn({ unreadable }, 'secrets whose key is lost count as not set');
  return vault;
}
