import { Inject } from '@nestjs/common';
import {
  type Candidate,
  type Constraint,
  type Lock,
  Problem,
  type ResolveRequest,
  resolve,
  type Want,
} from '@proxylet/contract';
import { Database } from '../database/database.js';
import { ServiceQueries } from '../service/service-queries.js';
import { loadCandidates } from './candidates.js';

export class ResolveService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ServiceQueries) private readonly services: ServiceQueries,
  ) {}

  /** @throws Problem `unresolvable`, with what stands in the way in words */
  async resolve({ engine, wants }: ResolveRequest): Promise<Lock> {
    const services: Lock['services'] = [];
    const constraints: Constraint[] = [];
    for (const [index, want] of wants.entries()) {
      if ('proxylet' in want) constraints.push({ name: want.proxylet, range: want.range, by: 'you' });
      else await this.expand(want, index, services, constraints);
    }
    const candidates = await loadCandidates(this.database.read, constraints);
    return { ...resolve({ wants: constraints, engine, candidates }), services };
  }

  /**
   * Whether the set can be met at all, on an engine that has every runtime and capability.
   *
   * @throws Problem `unresolvable`
   */
  async assertResolvable(wants: readonly Constraint[]): Promise<void> {
    const candidates = await loadCandidates(this.database.read, wants);
    const anywhere = new Map([...candidates].map(([name, versions]) => [name, versions.map(runsAnywhere)]));
    const engine = { runtimes: [{ type: 'any', version: '1.0.0' }], capabilities: [], installed: [] };
    resolve({ wants, engine, candidates: anywhere });
  }

  private async expand(
    { service, range }: Extract<Want, { service: string }>,
    index: number,
    services: Lock['services'],
    constraints: Constraint[],
  ): Promise<void> {
    const { version, definition } = await this.serviceWanted(service, range, index);
    services.push({ name: service, version });
    for (const [name, proxyletRange] of Object.entries(definition.proxylets)) {
      constraints.push({ name, range: proxyletRange, by: `service ${service} ${version}` });
    }
  }

  private async serviceWanted(service: string, range: string, index: number) {
    try {
      return await this.services.needHighest(service, range);
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'not-found') throw error;
      const errors = [{ pointer: `/wants/${index}`, detail: error.detail }];
      throw new Problem('unresolvable', error.detail, { errors, cause: error });
    }
  }
}

function runsAnywhere(candidate: Candidate): Candidate {
  return { ...candidate, runtime: { type: 'any', version: '*' }, capabilities: [] };
}
