import { setImmediate as pause } from 'node:timers/promises';
import { Inject } from '@nestjs/common';
import {
  type Candidate,
  type Constraint,
  type Lock,
  Problem,
  type ProxyletVersions,
  resolveFrom,
  type ResolveRequest,
  type Want,
} from '@proxylet/contract';
import { Database } from '../database/database.js';
import type { ReadRights } from '../rights/read-rights.js';
import { ServiceQueries } from '../service/service-queries.js';
import { candidateLoader } from './candidates.js';

export class ResolveService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceQueries) private readonly services: ServiceQueries,
  ) {}

  /**
   * @throws Problem `unresolvable`, with what stands in the way in words; `resolution-too-hard`
   */
  async resolve({ engine, wants, prefer }: ResolveRequest, reader: ReadRights): Promise<Lock> {
    const services: Lock['services'] = [];
    const constraints: Constraint[] = [];
    for (const [index, want] of wants.entries()) {
      if ('service' in want) await this.expand(want, index, reader, services, constraints);
      else {
        const { proxylet: name, ...ask } = want;
        constraints.push({ name, ...ask, by: 'you', pointer: `/wants/${index}` });
      }
    }
    const load = candidateLoader(this.database.read, reader, constraints);
    return { ...(await resolveFrom({ wants: constraints, engine, prefer }, { load, pause })), services };
  }

  /**
   * Whether the set can be met at all, on an engine that has every runtime and capability.
   *
   * @throws Problem `unresolvable`, `resolution-too-hard`
   */
  async assertResolvable(
    wants: readonly Constraint[],
    reader: ReadRights,
    manager = this.database.read,
  ): Promise<void> {
    const load = candidateLoader(manager, reader, wants);
    const engine = { runtimes: [{ type: 'any', version: '1.0.0' }], capabilities: [], installed: [] };
    await resolveFrom({ wants, engine }, { load: async (names) => anywhere(await load(names)), pause });
  }

  private async expand(
    { service, range }: Extract<Want, { service: string }>,
    index: number,
    reader: ReadRights,
    services: Lock['services'],
    constraints: Constraint[],
  ): Promise<void> {
    const { version, definition } = await this.serviceWanted(service, range, index, reader);
    services.push({ name: service, version });
    for (const [name, proxyletRange] of Object.entries(definition.proxylets)) {
      constraints.push({
        name,
        range: proxyletRange,
        by: `service ${service} ${version}`,
        pointer: `/wants/${index}`,
      });
    }
  }

  private async serviceWanted(service: string, range: string, index: number, reader: ReadRights) {
    try {
      return await this.services.needHighest(service, range, reader);
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'not-found') throw error;
      const errors = [{ pointer: `/wants/${index}`, detail: error.detail }];
      throw new Problem('unresolvable', error.detail, { errors, cause: error });
    }
  }
}

/** The same versions on an engine that has every runtime and capability. */
export function anywhere(found: ReadonlyMap<string, ProxyletVersions>): Map<string, ProxyletVersions> {
  return new Map([...found].map(([name, { versions }]) => [name, { versions: versions.map(runsAnywhere) }]));
}

function runsAnywhere(candidate: Candidate): Candidate {
  return { ...candidate, runtime: { type: 'any', version: '*' }, capabilities: [] };
}
