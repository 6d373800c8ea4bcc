import { enforce, type Principal } from '@proxylet/auth';
import { type LockedProxylet, type Manifest, Problem } from '@proxylet/contract';
import type { Active } from '../installations/active.js';
import {
  dependentsOf,
  type Installation,
  type Owner,
  removedAlong,
  sharedOwnerKey,
} from '../installations/installation.js';
import type { Lifecycle } from '../installations/lifecycle.js';
import type { InstallationRegistry } from '../installations/registry.js';
import type { SecretChange, SecretVault } from '../secrets/secret-vault.js';
import type { EngineStore } from '../store/engine-store.js';
import { KeyedQueue } from './coalescing.js';
import { assertDependentsKept } from './manifest-checks.js';
import { planSteps, type Step, type Wish } from './plan.js';
import type { OnProgress } from './progress.js';

export interface ChangesOptions {
  readonly store: Pick<EngineStore, 'change'>;
  readonly registry: InstallationRegistry;
  readonly lifecycle: Lifecycle;
  readonly vault: Pick<SecretVault, 'valuesAfter' | 'apply'>;
  /** Forgets data and logs of an installation that is gone. */
  readonly erase: (installationId: string) => void;
  readonly now?: (() => number) | undefined;
}

/** A proxylet of the lock whose archive is here and verified. */
export interface Fetched {
  readonly locked: LockedProxylet;
  readonly manifest: Manifest;
}

/** Called with what stands before a change is made; throws to refuse it. */
export type Precondition = (before: Installation | undefined) => void;

/** What a revision changes. */
export interface Revision {
  readonly reason: string;
  /** Present where the settings change; undefined then goes back to the defaults. */
  readonly settings?: { readonly config: Installation['config'] };
  readonly secrets?: SecretChange;
}

/**
 * Makes changes of installations: decide, start beside, record, switch. One change at a time per owner, so that
 * each is decided on what stands. Up to the record nothing that runs is touched; after it everything follows.
 */
export class InstallationChanges {
  private readonly queue = new KeyedQueue();
  private readonly now: () => number;

  constructor(private readonly options: ChangesOptions) {
    this.now = options.now ?? Date.now;
  }

  /** @throws Problem of consent, of rights, or of the start; then nothing has changed */
  apply(
    principal: Principal,
    wish: Wish,
    fetched: readonly Fetched[],
    emit: OnProgress,
    precondition: Precondition,
  ): Promise<Installation[]> {
    const commit = (): Promise<Installation[]> => this.commit(principal, wish, fetched, emit, precondition);
    const isShared = fetched.some(({ manifest }) => manifest.scope === 'shared');
    return this.queue.run(wish.owner.key, () =>
      isShared ? this.queue.run(sharedOwnerKey, commit) : commit(),
    );
  }

  /**
   * Removes an installation, its data and logs, and what had come along for it alone.
   *
   * @throws Problem `not-installed`, `in-use`
   */
  remove(ownerKey: string, name: string, precondition: Precondition): Promise<void> {
    const { registry, store, lifecycle, erase } = this.options;
    return this.queue.run(ownerKey, async () => {
      const active = registry.own(ownerKey, name);
      if (active === undefined) throw notInstalled(name);
      precondition(active.record);
      const all = registry.recordsOf(ownerKey);
      const dependents = dependentsOf(name, ownerKey === sharedOwnerKey ? registry.records() : all);
      if (dependents.length > 0) throw inUse(name, dependents);
      const along = removedAlong(name, all).flatMap((other) => registry.own(ownerKey, other.name) ?? []);
      const gone = [active, ...along];
      await store.change({ save: [], remove: gone.map(({ record }) => record.id) });
      for (const one of registry.switchTo([], gone)) {
        lifecycle.end(one);
        erase(one.record.id);
      }
    });
  }

  /**
   * Gives an installation other settings or secrets. As with a new version, an isolate with them starts beside the old one, and
   * calls switch over in one step: those in flight end with what they began with.
   *
   * @throws Problem `not-installed`, what `revise` throws, or that of the start; then nothing has changed
   */
  revise(
    ownerKey: string,
    name: string,
    revise: (before: Installation) => Revision | undefined,
  ): Promise<Installation> {
    return this.queue.run(ownerKey, async () => {
      const before = this.options.registry.own(ownerKey, name)?.record;
      if (before === undefined) throw notInstalled(name);
      const revision = revise(before);
      return revision === undefined ? before : this.commitRevision(before, revision);
    });
  }

  /** Writes down a state that came about by itself. */
  note(active: Active, state: Installation['state'], reason: string): Promise<void> {
    const { registry, store } = this.options;
    return this.queue.run(active.record.owner.key, async () => {
      const { owner, name } = active.record;
      if (registry.own(owner.key, name) !== active) return;
      active.record = { ...active.record, state, reason, sinceMs: this.now() };
      await store.change({ save: [active.record] });
    });
  }

  private async commit(
    principal: Principal,
    wish: Wish,
    fetched: readonly Fetched[],
    emit: OnProgress,
    precondition: Precondition,
  ): Promise<Installation[]> {
    const { registry, lifecycle, store } = this.options;
    const candidates = fetched.map((one) => ({ ...one, before: this.standing(wish.owner, one.manifest) }));
    precondition(candidates.find(({ locked }) => locked.name === wish.target.name)?.before);
    const steps = planSteps(wish, candidates, this.now());
    this.assertAllowed(principal, wish, steps);
    const starting = steps.filter(({ kind }) => kind === 'start').map(({ record }) => lifecycle.make(record));
    tell(emit, 'starting', starting);
    await lifecycle.start(starting);
    const kept = steps.filter((step) => step.kind === 'keep' && step.isChanged).map(({ record }) => record);
    try {
      await store.change({ save: [...starting.map(({ record }) => record), ...kept] });
    } catch (error) {
      lifecycle.abandon(starting);
      throw error;
    }
    for (const record of kept) this.replaceRecord(record);
    for (const retired of registry.switchTo(starting)) lifecycle.retire(retired);
    tell(emit, 'installed', steps);
    return steps.map(({ record }) => record);
  }

  private async commitRevision(before: Installation, revision: Revision): Promise<Installation> {
    const { registry, store, lifecycle, vault } = this.options;
    const { secrets } = revision;
    const { id, granted } = before;
    const next = lifecycle.make(
      this.revised(before, revision),
      secrets && (() => vault.valuesAfter(id, granted.secrets, secrets)),
    );
    // What cannot run now can still be given other settings, and above all be rid of a secret.
    if (next.record.state === 'running') await lifecycle.start([next]);
    try {
      await store.change({ save: [next.record], secrets });
    } catch (error) {
      lifecycle.abandon([next]);
      throw error;
    }
    if (secrets !== undefined) vault.apply(secrets);
    for (const retired of registry.switchTo([next])) lifecycle.retire(retired);
    return next.record;
  }

  private revised(before: Installation, { reason, settings }: Revision): Installation {
    const nowMs = this.now();
    const isStopped = before.state === 'quarantined' || before.state === 'broken';
    return {
      ...before,
      ...settings,
      generation: before.generation + 1,
      ...(isStopped ? {} : { state: 'running', reason, sinceMs: nowMs }),
      // Two changes within a millisecond are two: the entity tag is made of it.
      updatedAtMs: Math.max(nowMs, before.updatedAtMs + 1),
    };
  }

  private replaceRecord(record: Installation): void {
    const active = this.options.registry.own(record.owner.key, record.name);
    if (active !== undefined) active.record = record;
  }

  /** The installation a version takes the place of, by the scope its manifest has. */
  private standing(owner: Owner, { name, scope }: Manifest): Installation | undefined {
    const { registry } = this.options;
    const own = registry.own(owner.key, name)?.record;
    if (scope !== 'shared') return own;
    if (own === undefined) return registry.own(sharedOwnerKey, name)?.record;
    throw new Problem('in-use', `You have ${name} installed for yourself; remove it before the shared one.`);
  }

  private assertAllowed(principal: Principal, wish: Wish, steps: readonly Step[]): void {
    const starting = steps.filter((step) => step.kind === 'start').map(({ record }) => record);
    const shared = starting.find((record) => record.owner.key === sharedOwnerKey);
    if (shared !== undefined) enforce(principal, 'engine.manage', {}, `the shared proxylet ${shared.name}`);
    const changed = new Set(steps.map(({ record }) => record.name));
    const { registry } = this.options;
    const all = shared === undefined ? registry.recordsOf(wish.owner.key) : registry.records();
    assertDependentsKept(
      starting,
      all.filter(({ name }) => !changed.has(name)),
    );
  }
}

export function notInstalled(name: string): Problem {
  return new Problem('not-installed', `You have no installation of ${name} on this engine.`);
}

function inUse(name: string, dependents: readonly string[]): Problem {
  return new Problem(
    'in-use',
    `${name} is needed by ${dependents.slice(0, 5).join(', ')}; remove that first.`,
  );
}

function tell(
  emit: OnProgress,
  stage: 'starting' | 'installed',
  items: readonly { readonly record: Installation }[],
): void {
  for (const { record } of items) emit({ stage, proxylet: record.name, version: record.version });
}
