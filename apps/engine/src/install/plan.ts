import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import {
  type Consent,
  type LockedProxylet,
  type Manifest,
  type Permissions,
  permissionsOf,
  Problem,
} from '@proxylet/contract';
import { type Installation, type Owner, sharedOwnerKey } from '../installations/installation.js';
import { assertSettings, type Settings } from './config-schema.js';
import { type Ask, decideConsent, isSamePermissions } from './consent.js';

/** What the caller wants of one change, as far as records are concerned. */
export interface Wish {
  readonly owner: Owner;
  readonly principalKey: string;
  readonly consent: Consent | undefined;
  /** The proxylet asked for by name, with its settings; or the service. */
  readonly target:
    | { readonly kind: 'proxylet'; readonly name: string; readonly config: Settings | undefined }
    | { readonly kind: 'service'; readonly name: string; readonly proxylets: ReadonlySet<string> };
}

/** A proxylet of the lock together with what stands now. */
export interface Candidate {
  readonly locked: LockedProxylet;
  readonly manifest: Manifest;
  readonly before: Installation | undefined;
}

export type Step =
  /** Only the bookkeeping changes, if anything: the isolate stays. */
  | { readonly kind: 'keep'; readonly record: Installation; readonly isChanged: boolean }
  | { readonly kind: 'start'; readonly record: Installation };

/**
 * What is granted to each, decided for all at once.
 *
 * @throws Problem `consent-required`; its member `asks` lists what the user must decide on, in words
 */
export function grantsFor(
  proxylets: readonly { locked: LockedProxylet; before: Installation | undefined }[],
  consent: Consent | undefined,
): Map<string, Permissions> {
  const asks: Ask[] = [];
  const grants = new Map<string, Permissions>();
  for (const { locked, before } of proxylets) {
    const { granted, missing } = decideConsent({
      proxylet: locked.name,
      version: locked.version,
      asked: locked.permissions,
      before: before && { asked: permissionsOf(before.manifest), granted: before.granted },
      consent,
    });
    grants.set(locked.name, granted);
    asks.push(...missing);
  }
  if (asks.length > 0) throw consentRequired(asks);
  return grants;
}

function consentRequired(asks: readonly Ask[]): Problem {
  const words = asks.map(({ proxylet, version, text }) => `${proxylet} ${version} wants to ${text}`);
  const shown = words.slice(0, 5).join('; ') + (words.length > 5 ? `; and ${words.length - 5} more` : '');
  return new Problem(
    'consent-required',
    `${shown}. Send "consent": true to allow this, or an object to allow parts.`,
    { extra: { asks } },
  );
}

/** The record each proxylet of the lock gets. Pure but for the fresh ids. */
export function planSteps(wish: Wish, candidates: readonly Candidate[], nowMs: number): Step[] {
  const grants = grantsFor(candidates, wish.consent);
  return candidates.map((candidate) =>
    stepOf(wish, candidate, grants.get(candidate.locked.name) ?? candidate.locked.permissions, nowMs),
  );
}

function stepOf(
  wish: Wish,
  { locked, manifest, before }: Candidate,
  granted: Permissions,
  nowMs: number,
): Step {
  const { target } = wish;
  const isTarget = target.kind === 'proxylet' && target.name === locked.name;
  const given = isTarget ? target.config : undefined;
  const config = given ?? (before === undefined ? undefined : settingsKept(before, manifest));
  assertSettings(manifest, config);
  const isDirect = before?.isDirect === true || isTarget;
  const services = servicesOf(target, locked.name, before);
  if (before !== undefined && isSame(before, locked, granted, config)) {
    const isChanged = before.isDirect !== isDirect || before.services.length !== services.length;
    if (!isChanged) return { kind: 'keep', record: before, isChanged };
    return { kind: 'keep', record: { ...before, isDirect, services, updatedAtMs: nowMs }, isChanged };
  }
  const isUpdate = before !== undefined && before.digest !== locked.digest;
  return {
    kind: 'start',
    record: {
      id: before?.id ?? randomUUID(),
      owner: manifest.scope === 'shared' ? { ...wish.owner, key: sharedOwnerKey } : wish.owner,
      name: locked.name,
      version: locked.version,
      digest: locked.digest,
      sizeBytes: locked.sizeBytes,
      generation: (before?.generation ?? 0) + 1,
      manifest,
      granted,
      config,
      consentedBy: wish.principalKey,
      isDirect,
      services,
      ...stateOf(before, locked, nowMs),
      previous: isUpdate ? { version: before.version, digest: before.digest } : before?.previous,
      createdAtMs: before?.createdAtMs ?? nowMs,
      updatedAtMs: nowMs,
    },
  };
}

function isSame(
  before: Installation,
  locked: LockedProxylet,
  granted: Permissions,
  config: Settings | undefined,
): boolean {
  return (
    before.digest === locked.digest &&
    before.state !== 'broken' &&
    isSamePermissions(before.granted, granted) &&
    isDeepStrictEqual(before.config, config)
  );
}

/** Given settings stay over an update, as far as the new version still takes them. */
function settingsKept({ config }: Installation, manifest: Manifest): Settings | undefined {
  const properties = manifest.config?.['properties'];
  if (config === undefined || typeof properties !== 'object' || properties === null) return undefined;
  return Object.fromEntries(Object.entries(config).filter(([name]) => Object.hasOwn(properties, name)));
}

function servicesOf(
  target: Wish['target'],
  name: string,
  before: Installation | undefined,
): readonly string[] {
  const services = before?.services ?? [];
  if (target.kind !== 'service' || !target.proxylets.has(name) || services.includes(target.name))
    return services;
  return [...services, target.name];
}

/** What is in quarantine stays there until an admin lets it out or another version comes. */
function stateOf(
  before: Installation | undefined,
  locked: LockedProxylet,
  nowMs: number,
): Pick<Installation, 'state' | 'reason' | 'sinceMs'> {
  if (before?.state === 'quarantined' && before.digest === locked.digest) {
    return { state: 'quarantined', reason: before.reason, sinceMs: before.sinceMs };
  }
  return { state: 'running', reason: reasonOf(before, locked), sinceMs: nowMs };
}

function reasonOf(before: Installation | undefined, locked: LockedProxylet): string {
  if (before === undefined) return 'installed';
  if (before.version !== locked.version) return `updated from ${before.version}`;
  return before.state === 'broken' ? 'repaired' : 'permissions or settings changed';
}
