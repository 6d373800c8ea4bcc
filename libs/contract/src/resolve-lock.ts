import type { Constraint } from './resolve-nogood.js';
import type { Candidate } from './resolve-versions.js';
import type { LockedProxylet } from './wire.js';

/** Dependencies first, each with the wants that led to it. A cycle is allowed: its members keep the order met. */
export function lockOf(
  chosen: ReadonlyMap<string, Candidate>,
  wants: readonly Constraint[],
): LockedProxylet[] {
  const because = reasons(chosen, wants);
  const ordered: LockedProxylet[] = [];
  const seen = new Set<string>();
  const open = wants.map(({ name }) => ({ name, isDone: false })).toReversed();
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { name, isDone } = next;
    const candidate = chosen.get(name);
    if (candidate === undefined) continue;
    if (isDone) ordered.push(locked(name, candidate, chosen, because.get(name) ?? []));
    if (isDone || seen.has(name)) continue;
    seen.add(name);
    open.push({ name, isDone: true });
    for (const dependency of Object.keys(candidate.dependencies).toReversed()) {
      open.push({ name: dependency, isDone: false });
    }
  }
  return ordered;
}

function reasons(
  chosen: ReadonlyMap<string, Candidate>,
  wants: readonly Constraint[],
): ReadonlyMap<string, string[]> {
  const because = new Map<string, string[]>();
  const note = (name: string, text: string): void => {
    const others = because.get(name);
    if (others === undefined) because.set(name, [text]);
    else others.push(text);
  };
  for (const { name, by, range, channel } of wants) {
    note(
      name,
      `${by} ${by === 'you' ? 'want' : 'wants'} ${channel === undefined ? range : `channel ${channel}`}`,
    );
  }
  for (const [name, { version, dependencies }] of chosen) {
    for (const [dependency, range] of Object.entries(dependencies)) {
      note(dependency, `${name} ${version} wants ${range}`);
    }
  }
  return because;
}

function locked(
  name: string,
  candidate: Candidate,
  chosen: ReadonlyMap<string, Candidate>,
  because: string[],
): LockedProxylet {
  const { version, digest, sizeBytes, dependencies, permissions } = candidate;
  const { capabilities, fetch, topics, secrets } = permissions;
  const warning = warningOf(candidate);
  return {
    name,
    version,
    digest,
    sizeBytes,
    dependencies: Object.fromEntries(
      Object.keys(dependencies).map((dependency) => [dependency, chosen.get(dependency)?.version ?? '']),
    ),
    permissions: {
      capabilities: [...capabilities],
      fetch: [...fetch],
      topics: { subscribe: [...topics.subscribe], publish: [...topics.publish] },
      secrets: [...secrets],
    },
    because,
    ...(warning === undefined ? {} : { warning }),
  };
}

function warningOf({ state, stateReason }: Candidate): string | undefined {
  if (state === 'deprecated') return stateReason ?? 'deprecated';
  if (state === 'yanked') return stateReason === undefined ? 'yanked' : `yanked: ${stateReason}`;
  return undefined;
}
