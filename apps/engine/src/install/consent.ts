import { asksForNothing, type Consent, type Permissions, parseCapability } from '@proxylet/contract';

/** One thing a version asks for, for a user to read and for a program to grant. */
export interface Ask {
  readonly proxylet: string;
  readonly version: string;
  /** Member of the consent object that grants it. */
  readonly kind: 'capabilities' | 'fetch' | 'topics.subscribe' | 'topics.publish' | 'secrets';
  readonly value: string;
  readonly text: string;
}

export interface ConsentInput {
  readonly proxylet: string;
  readonly version: string;
  readonly asked: Permissions;
  /** What the installed version asked and was granted: its user has decided on that before. */
  readonly before: { readonly asked: Permissions; readonly granted: Permissions } | undefined;
  readonly consent: Consent | undefined;
}

export interface ConsentResult {
  readonly granted: Permissions;
  /** What the user must still decide on; empty where the consent is enough. */
  readonly missing: readonly Ask[];
}

const nothing: Permissions = {
  capabilities: [],
  fetch: [],
  topics: { subscribe: [], publish: [] },
  secrets: [],
};

/**
 * What a version gets: all it asks where the user says `true`, exactly the named parts where the user names parts,
 * and otherwise what was granted before. Anything new that it asks then needs a decision.
 */
export function decideConsent({ proxylet, version, asked, before, consent }: ConsentInput): ConsentResult {
  if (asksForNothing(asked) || consent === true) return { granted: asked, missing: [] };
  if (consent !== undefined && consent !== false) {
    return { granted: intersect(asked, completed(consent)), missing: [] };
  }
  const added = subtract(asked, before?.asked ?? nothing);
  return {
    granted: intersect(asked, before?.granted ?? nothing),
    missing: asksOf(proxylet, version, added),
  };
}

export function isSamePermissions(a: Permissions, b: Permissions): boolean {
  return asksForNothing(subtract(a, b)) && asksForNothing(subtract(b, a));
}

/** Every ask of a version in words. */
export function asksOf(proxylet: string, version: string, permissions: Permissions): Ask[] {
  const list = (kind: Ask['kind'], values: readonly string[], words: (value: string) => string): Ask[] =>
    values.map((value) => ({ proxylet, version, kind, value, text: words(value) }));
  const { capabilities, fetch, topics, secrets } = permissions;
  return [
    ...list('capabilities', capabilities, capabilityInWords),
    ...list('fetch', fetch, (origin) => `send and receive data at ${originInWords(origin)}`),
    ...list('topics.subscribe', topics.subscribe, (topic) => `read the messages of the topic ${topic}`),
    ...list('topics.publish', topics.publish, (topic) => `send messages to the topic ${topic}`),
    ...list('secrets', secrets, (secret) => `know the secret ${secret} that you store here`),
  ];
}

function capabilityInWords(want: string): string {
  const { name } = parseCapability(want);
  if (name === 'kv') return 'keep data of its own on this engine';
  if (name === 'wasm') return 'run WebAssembly, with as much memory again as its limit';
  if (name === 'cache') return 'keep copies of what it fetched on this engine';
  if (name === 'schedule') return 'run by itself at set times';
  if (name.startsWith('device:')) return `use the ${name.slice('device:'.length)} of this engine`;
  return `use the capability ${want} of this engine`;
}

function originInWords(origin: string): string {
  return origin.includes('://*.') ? `every host below ${origin.replace('://*.', '://')}` : origin;
}

function completed(consent: Exclude<Consent, boolean>): Permissions {
  return {
    capabilities: consent.capabilities ?? [],
    fetch: consent.fetch ?? [],
    topics: { subscribe: consent.topics?.subscribe ?? [], publish: consent.topics?.publish ?? [] },
    secrets: consent.secrets ?? [],
  };
}

function intersect(a: Permissions, b: Permissions): Permissions {
  return combine(a, b, (value, others) => others.includes(value));
}

function subtract(a: Permissions, b: Permissions): Permissions {
  return combine(a, b, (value, others) => !others.includes(value));
}

function combine(
  a: Permissions,
  b: Permissions,
  keep: (value: string, others: readonly string[]) => boolean,
): Permissions {
  const list = (mine: readonly string[], others: readonly string[]): string[] =>
    mine.filter((value) => keep(value, others));
  return {
    capabilities: list(a.capabilities, b.capabilities),
    fetch: list(a.fetch, b.fetch),
    topics: {
      subscribe: list(a.topics.subscribe, b.topics.subscribe),
      publish: list(a.topics.publish, b.topics.publish),
    },
    secrets: list(a.secrets, b.secrets),
  };
}
