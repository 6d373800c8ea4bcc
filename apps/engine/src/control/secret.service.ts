import { Injectable } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { EngineCore } from '../engine-core.js';
import { revisedSecret, revisedWithoutSecret } from '../install/revise-secrets.js';
import type { Installation } from '../installations/installation.js';
import type { SecretInfo } from '../secrets/secret-vault.js';
import { InstallationService } from './installation.service.js';
import type { SecretView } from './schemas.js';

/** Secrets as the HTTP routes speak of them: they go in, and never come out. */
@Injectable()
export class SecretService {
  constructor(
    private readonly core: EngineCore,
    private readonly installations: InstallationService,
  ) {}

  /** Names that are declared or set; never a value. */
  list(principal: Principal, name: string): SecretView[] {
    return this.views(this.installations.manageable(principal, name));
  }

  async set(principal: Principal, name: string, secret: string, value: string): Promise<SecretView> {
    const { owner } = this.installations.manageable(principal, name);
    const { vault, changes } = this.core.parts;
    const record = await vault.alone(() =>
      changes.revise(owner.key, name, (before) =>
        revisedSecret(before, vault, { name: secret, value, changedBy: principal.key }),
      ),
    );
    const view = this.views(record).find((one) => one.name === secret);
    if (view === undefined) throw new Error('a secret that was just set is not in the list');
    return view;
  }

  async remove(principal: Principal, name: string, secret: string): Promise<void> {
    const { owner } = this.installations.manageable(principal, name);
    const { vault, changes } = this.core.parts;
    await vault.alone(() =>
      changes.revise(owner.key, name, (before) => revisedWithoutSecret(before, vault, secret)),
    );
  }

  private views(record: Installation): SecretView[] {
    const set = new Map(this.core.parts.vault.list(record.id).map((one) => [one.name, one]));
    const names = new Set([...(record.manifest.secrets ?? []), ...set.keys()]);
    return [...names].map((name) => viewOf(record, name, set.get(name)));
  }
}

function viewOf({ manifest, granted }: Installation, name: string, info: SecretInfo | undefined): SecretView {
  const isDeclared = manifest.secrets?.includes(name) === true;
  const isGranted = granted.secrets.includes(name);
  if (info === undefined) return { name, isSet: false, isDeclared, isGranted };
  const { createdAtMs, changedAtMs, changedBy, isReadable, keyId } = info;
  return {
    name,
    // One whose key is lost is of no use to the proxylet: it must be set again.
    isSet: isReadable,
    isDeclared,
    isGranted,
    keyId,
    createdAt: new Date(createdAtMs).toISOString(),
    changedAt: new Date(changedAtMs).toISOString(),
    changedBy,
  };
}
