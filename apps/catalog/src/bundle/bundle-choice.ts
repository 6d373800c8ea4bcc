import { setImmediate as pause } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import {
  type Constraint,
  parseName,
  Problem,
  type ProxyletVersions,
  resolveFrom,
  type ResolveSource,
  satisfies,
} from '@proxylet/contract';
import { Database } from '../database/database.js';
import { withdrawn } from '../proxylet/version-queries.js';
import { candidateLoader, versionsOfName } from '../resolve/candidates.js';
import { anywhere } from '../resolve/resolve.service.js';
import type { ReadRights } from '../rights/read-rights.js';
import { type RegisteredService, ServiceQueries } from '../service/service-queries.js';
import { maxVersions } from './bundle-index.js';

export interface BundleWish {
  /** `namespace/name`, or with `@range`. */
  readonly services: readonly string[];
  readonly proxylets: readonly string[];
}

export interface BundleChoice {
  /** Name → versions. */
  readonly versions: ReadonlyMap<string, ReadonlySet<string>>;
  readonly services: ReadonlyMap<string, RegisteredService>;
}

/**
 * What belongs into a bundle, so that all of it can be resolved where there is nothing else: the versions a service
 * resolves to now, the versions of a proxylet that a range means, and what they depend on.
 */
export class BundleChooser {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceQueries) private readonly services: ServiceQueries,
  ) {}

  /** @throws Problem `not-found`, `invalid-name`, `unresolvable`, `invalid-request` for more than a bundle holds */
  async choose(wish: BundleWish, reader: ReadRights): Promise<BundleChoice> {
    const versions = new Map<string, Set<string>>();
    const load = this.loader(reader);
    const services = new Map<string, RegisteredService>();
    for (const asked of wish.services) {
      const { name, range } = split(asked);
      const service = await this.services.needHighest(name, range ?? '*', reader);
      services.set(name, service);
      const by = `service ${name} ${service.version}`;
      const wants = Object.entries(service.definition.proxylets).map(([proxylet, r]) => ({
        name: proxylet,
        range: r,
        by,
      }));
      await addLock(wants, load, versions);
    }
    for (const asked of wish.proxylets) {
      const { name, range } = split(asked);
      for (const version of await this.inRange(name, range, reader)) {
        await addLock([{ name, range: `=${version}`, by: 'you' }], load, versions);
      }
    }
    return { versions, services };
  }

  /** Without a range: the highest alone. */
  private async inRange(name: string, range: string | undefined, reader: ReadRights): Promise<string[]> {
    const all = await versionsOfName(this.database.read, reader, name);
    if (all.length === 0) throw new Problem('not-found', `There is no proxylet ${name}.`);
    const usable = all.filter(({ state }) => !withdrawn.includes(state)).map(({ version }) => version);
    const meant =
      range === undefined
        ? [usable.find((version) => satisfies(version, '*')) ?? usable[0]].filter(
            (version) => version !== undefined,
          )
        : usable.filter((version) => satisfies(version, range));
    if (meant.length > 0) return meant;
    throw new Problem(
      'not-found',
      `There is no version of ${name} to export${range === undefined ? '' : ` in ${range}`}.`,
    );
  }

  /** Reads each name once for all that is asked. */
  private loader(reader: ReadRights): ResolveSource['load'] {
    const read = candidateLoader(this.database.read, reader, []);
    const known = new Map<string, ProxyletVersions>();
    return async (names) => {
      const unread = names.filter((name) => !known.has(name));
      if (unread.length > 0) for (const [name, found] of anywhere(await read(unread))) known.set(name, found);
      return new Map(names.flatMap((name) => [[name, known.get(name) ?? { versions: [] }] as const]));
    };
  }
}

async function addLock(
  wants: readonly Constraint[],
  load: ResolveSource['load'],
  versions: Map<string, Set<string>>,
): Promise<void> {
  const engine = { runtimes: [{ type: 'any', version: '1.0.0' }], capabilities: [], installed: [] };
  for (const { name, version } of (await resolveFrom({ wants, engine }, { load, pause })).proxylets) {
    const known = versions.get(name) ?? new Set();
    versions.set(name, known.add(version));
  }
  const count = [...versions.values()].reduce((sum, { size }) => sum + size, 0);
  if (count > maxVersions)
    throw new Problem(
      'invalid-request',
      `An export has at most ${maxVersions} versions; ask for less at once.`,
    );
}

function split(asked: string): { readonly name: string; readonly range: string | undefined } {
  const at = asked.indexOf('@');
  const name = at < 0 ? asked : asked.slice(0, at);
  parseName(name);
  return { name, range: at < 0 ? undefined : asked.slice(at + 1) };
}
