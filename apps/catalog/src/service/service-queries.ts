import { Inject } from '@nestjs/common';
import {
  formatName,
  parseName,
  Problem,
  type QualifiedName,
  satisfies,
  type ServiceDefinition,
} from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { Database } from '../database/database.js';
import { hiddenOf } from '../rights/hidden.js';
import type { ReadRights } from '../rights/read-rights.js';
import { ServiceRow, ServiceVersionRow } from '../database/service.entity.js';

/** A registered version of a service, its definition read. */
export interface RegisteredService {
  readonly id: number;
  readonly version: string;
  readonly precedence: string;
  readonly definition: ServiceDefinition;
  readonly registeredBy: string;
  readonly registeredAt: string;
}

/** Versions of a service looked through for a range; the highest come first. */
const scanMax = 1000;

export class ServiceQueries {
  constructor(@Inject(Database) private readonly database: Database) {}

  async find(
    { namespace, name }: QualifiedName,
    manager: EntityManager = this.database.read,
  ): Promise<ServiceRow | undefined> {
    return (await manager.findOneBy(ServiceRow, { namespace, name })) ?? undefined;
  }

  /** @throws Problem `not-found` */
  async need(name: QualifiedName): Promise<ServiceRow> {
    const service = await this.find(name);
    if (service !== undefined) return service;
    throw new Problem('not-found', `There is no service ${formatName(name)}.`);
  }

  /**
   * Those a caller may know of: a service tells of its proxylets, so who may not read one of these sees the service
   * as a member of its namespace only.
   */
  async readable(
    namespace: string,
    versions: readonly RegisteredService[],
    reader: ReadRights,
  ): Promise<RegisteredService[]> {
    const names = new Set(versions.flatMap(({ definition }) => Object.keys(definition.proxylets)));
    const hidden = await hiddenOf(this.database.read, names, reader);
    if (hidden.size === 0 || (await reader.isMember(this.database.read, namespace))) return [...versions];
    return versions.filter(({ definition }) =>
      Object.keys(definition.proxylets).every((name) => !hidden.has(name)),
    );
  }

  /** Highest first, below a precedence where one is given. */
  async versions(serviceId: number, limit: number, below?: string): Promise<RegisteredService[]> {
    const query = this.database.read
      .createQueryBuilder(ServiceVersionRow, 'v')
      .where('v.serviceId = :serviceId', { serviceId })
      .orderBy('v.precedence', 'DESC')
      .limit(limit);
    if (below !== undefined) query.andWhere('v.precedence < :below', { below });
    return (await query.getMany()).map(registeredOf);
  }

  /**
   * The highest version in a range; `*` takes the highest stable one, else the highest.
   *
   * @throws Problem `not-found`
   */
  async needHighest(name: string, range: string, reader: ReadRights): Promise<RegisteredService> {
    const service = await this.need(parseName(name));
    const versions = await this.readable(service.namespace, await this.versions(service.id, scanMax), reader);
    // To whoever may see no version of it, the service does not exist.
    if (versions.length === 0) throw new Problem('not-found', `There is no service ${name}.`);
    const found =
      versions.find(({ version }) => satisfies(version, range)) ?? (range === '*' ? versions[0] : undefined);
    if (found !== undefined) return found;
    throw new Problem('not-found', `There is no version of service ${name} in the range ${range}.`);
  }
}

function registeredOf(row: ServiceVersionRow): RegisteredService {
  const { id, version, precedence, registeredBy, registeredAt } = row;
  const definition = JSON.parse(row.definition) as ServiceDefinition;
  return { id, version, precedence, definition, registeredBy, registeredAt };
}
