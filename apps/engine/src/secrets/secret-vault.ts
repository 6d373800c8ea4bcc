import { Problem } from '@proxylet/contract';
import { seal, unseal } from '@proxylet/nest';
import { onStorage } from '../store/on-storage.js';
import type { KeyRing } from './key-ring.js';
import { type Place, type SealedSecret, textOfPlace } from './sealed-secret.js';

/** What one change does to the secrets of an installation. */
export interface SecretChange {
  readonly save: readonly SealedSecret[];
  readonly remove: readonly Place[];
}

export interface VaultStore {
  secrets(): Promise<SealedSecret[]>;
  /** Replaces what stands for these; a row that is gone meanwhile is not made again. */
  resealSecrets(secrets: readonly SealedSecret[]): Promise<void>;
}

export type SecretInfo = Omit<SealedSecret, 'sealed' | 'installationId'> & { readonly isReadable: boolean };

/**
 * Every secret of this engine. In memory they are as sealed as on the disk; they are opened when an isolate starts,
 * and to keep them out of logs.
 */
export class SecretVault {
  private readonly byInstallation = new Map<string, Map<string, SealedSecret>>();
  /** Opened values by installation, for the log; dropped with each change. */
  private readonly opened = new Map<string, readonly (readonly [name: string, value: string])[]>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly keys: KeyRing,
    private readonly store: VaultStore,
    private readonly now: () => number = Date.now,
  ) {}

  /** Reads what is stored; whatever an older key sealed is sealed anew. */
  async load(): Promise<void> {
    this.apply({ save: await this.store.secrets(), remove: [] });
    await this.sealAnew();
  }

  /** One change of secrets or keys at a time: no value is sealed with a key that is being dropped. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  seal(place: Place, value: string, changedBy: string): SealedSecret {
    const before = this.byInstallation.get(place.installationId)?.get(place.name);
    const nowMs = this.now();
    return {
      ...place,
      keyId: this.keys.current.id,
      sealed: seal(this.keys.current, textOfPlace(place), value),
      createdAtMs: before?.createdAtMs ?? nowMs,
      changedAtMs: nowMs,
      changedBy,
    };
  }

  /** Values by name, of those names that are set and can be opened. */
  values(installationId: string, names: readonly string[]): Readonly<Record<string, string>> {
    return this.valuesAfter(installationId, names, { save: [], remove: [] });
  }

  /** The values as they will be once the change is made. */
  valuesAfter(
    installationId: string,
    names: readonly string[],
    change: SecretChange,
  ): Readonly<Record<string, string>> {
    const rows = new Map(this.byInstallation.get(installationId));
    for (const { name } of change.remove) rows.delete(name);
    for (const row of change.save) rows.set(row.name, row);
    const entries = names.flatMap((name) => {
      const value = this.valueOf(rows.get(name));
      return value === undefined ? [] : [[name, value] as const];
    });
    return Object.fromEntries(entries);
  }

  list(installationId: string): SecretInfo[] {
    const rows = [...(this.byInstallation.get(installationId)?.values() ?? [])];
    return rows.map(({ name, keyId, createdAtMs, changedAtMs, changedBy }) => ({
      name,
      keyId,
      createdAtMs,
      changedAtMs,
      changedBy,
      isReadable: this.keys.find(keyId) !== undefined,
    }));
  }

  /** Secrets whose key is lost. */
  get unreadable(): number {
    return this.all().filter(({ keyId }) => this.keys.find(keyId) === undefined).length;
  }

  /** After the change is on the disk. */
  apply({ save, remove }: SecretChange): void {
    for (const { installationId, name } of remove) {
      this.byInstallation.get(installationId)?.delete(name);
      this.opened.delete(installationId);
    }
    for (const row of save) {
      const rows = this.byInstallation.get(row.installationId) ?? new Map<string, SealedSecret>();
      this.byInstallation.set(row.installationId, rows.set(row.name, row));
      this.opened.delete(row.installationId);
    }
  }

  forget(installationId: string): void {
    this.byInstallation.delete(installationId);
    this.opened.delete(installationId);
  }

  /** The text without any value of the installation's secrets of 6 characters or more. */
  redact(installationId: string, text: string): string {
    if (!this.byInstallation.has(installationId)) return text;
    let clean = text;
    for (const [name, value] of this.openedOf(installationId)) {
      if (value.length >= shortestRedacted) clean = clean.replaceAll(value, `[secret ${name}]`);
    }
    return clean;
  }

  /**
   * Seals everything with a fresh key and forgets the old ones. A death on the way leaves both keys on the disk; the
   * next start ends what was begun.
   *
   * @returns the id of the new key, and how many secrets it sealed
   * @throws Problem `key-not-ours` where the keys are given by the configuration
   */
  rotate(): Promise<{ keyId: string; secrets: number }> {
    if (this.keys.isGiven) {
      throw new Problem(
        'key-not-ours',
        'The keys are set by the configuration: put a new one first there, keep the old one behind it, and start the engine anew.',
      );
    }
    return this.alone(() =>
      onStorage(async () => {
        await this.keys.begin();
        const secrets = await this.sealAnew();
        await this.keys.finish();
        return { keyId: this.keys.current.id, secrets };
      }),
    );
  }

  private all(): SealedSecret[] {
    return [...this.byInstallation.values()].flatMap((rows) => Array.from(rows.values()));
  }

  private async sealAnew(): Promise<number> {
    const { current } = this.keys;
    const stale = this.all().filter(({ keyId }) => keyId !== current.id);
    const save = stale.flatMap((row) => {
      const value = this.valueOf(row);
      if (value === undefined) return [];
      return [{ ...row, keyId: current.id, sealed: seal(current, textOfPlace(row), value) }];
    });
    if (save.length > 0) await this.store.resealSecrets(save);
    // What was removed meanwhile stays removed.
    const present = save.filter(({ installationId, name }) =>
      this.byInstallation.get(installationId)?.has(name),
    );
    this.apply({ save: present, remove: [] });
    return present.length;
  }

  private valueOf(row: SealedSecret | undefined): string | undefined {
    const key = row === undefined ? undefined : this.keys.find(row.keyId);
    if (row === undefined || key === undefined) return undefined;
    try {
      return unseal(key, textOfPlace(row), row.sealed);
    } catch {
      return undefined;
    }
  }

  private openedOf(installationId: string): readonly (readonly [string, string])[] {
    let known = this.opened.get(installationId);
    if (known === undefined) {
      const names = [...(this.byInstallation.get(installationId)?.keys() ?? [])];
      // Longest first: one value may hold another.
      known = Object.entries(this.values(installationId, names)).toSorted(
        ([, a], [, b]) => b.length - a.length,
      );
      this.opened.set(installationId, known);
    }
    return known;
  }
}

/** Shorter values occur in a log by chance. */
const shortestRedacted = 6;
