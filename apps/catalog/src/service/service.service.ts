import { Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import {
  type Constraint,
  formatName,
  type Page,
  parseName,
  pointerOf,
  Problem,
  satisfies,
  type ServiceDefinition,
} from '@proxylet/contract';
import { decodeCursor, encodeCursor, etagOf } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { ServiceRow, ServiceVersionRow } from '../database/service.entity.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { precedenceOf, versionKeyOf } from '../proxylet/precedence.js';
import type { Tagged } from '../proxylet/proxylet.service.js';
import { withdrawn } from '../proxylet/version-queries.js';
import { ReadRights } from '../rights/read-rights.js';
import { versionsOfName } from '../resolve/candidates.js';
import { ResolveService } from '../resolve/resolve.service.js';
import { type RegisteredService, ServiceQueries } from './service-queries.js';
import type { ServiceItem, ServiceView } from './service.schemas.js';

const versionsCursor = z.strictObject({ below: z.string() });

/** Services: named sets of proxylets with ranges. Registering one deploys nothing. */
export class ServiceService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(ServiceQueries) private readonly queries: ServiceQueries,
    @Inject(ResolveService) private readonly resolver: ResolveService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Registers a version of a service; the same content again changes nothing.
   *
   * @throws Problem `not-found`, `insufficient-scope`, `forbidden`, `service-invalid`, `version-exists`
   */
  async register(
    name: string,
    definition: ServiceDefinition,
    principal: Principal,
  ): Promise<Tagged<ServiceView> & { readonly isNew: boolean }> {
    const { namespace } = parseName(name);
    await this.namespaces.authorize(principal, 'catalog.register-service', namespace, undefined, name);
    const isNew =
      !(await this.isRegistered(name, definition, this.database.read)) &&
      (await this.insert(name, definition, principal));
    return { ...(await this.get(name, ReadRights.forChange(principal), definition.version)), isNew };
  }

  /** A version, by default the highest. @throws Problem `not-found` */
  async get(name: string, reader: ReadRights, version?: string): Promise<Tagged<ServiceView>> {
    const registered = await this.queries.needHighest(
      name,
      version === undefined ? '*' : `=${version}`,
      reader,
    );
    const resolvesTo = await this.resolvesTo(registered.definition, reader);
    const view = { name, ...itemOf(registered), resolvesTo };
    return { view, etag: etagOf(name, JSON.stringify(view)) };
  }

  /** Highest first. @throws Problem `not-found`, `invalid-request` for a foreign cursor */
  async versions(
    name: string,
    limit: number,
    cursor: string | undefined,
    reader: ReadRights,
  ): Promise<Page<ServiceItem>> {
    const service = await this.queries.need(parseName(name));
    const below = cursor === undefined ? undefined : decodeCursor(cursor, versionsCursor).below;
    const rows = await this.queries.versions(service.id, limit + 1, below);
    const items = rows.slice(0, limit);
    const last = items.at(-1);
    const nextCursor =
      rows.length > limit && last !== undefined ? encodeCursor({ below: last.precedence }) : undefined;
    const readable = await this.queries.readable(service.namespace, items, reader);
    if (readable.length === 0) await this.queries.needHighest(name, '*', reader);
    return { items: readable.map(itemOf), ...(nextCursor === undefined ? {} : { nextCursor }) };
  }

  /**
   * Registers a version inside another's transaction, whose changes it sees; the transaction has the topic
   * `service <name>`.
   *
   * @returns false where the same content was registered before
   * @throws Problem as `register`
   */
  async registerIn(
    manager: EntityManager,
    name: string,
    definition: ServiceDefinition,
    principal: Principal,
  ): Promise<boolean> {
    const { namespace } = parseName(name);
    await this.namespaces.authorize(principal, 'catalog.register-service', namespace, manager, name);
    if (await this.isRegistered(name, definition, manager)) return false;
    await this.assertResolvable(name, definition, ReadRights.forChange(principal), manager);
    await this.insertRow(manager, name, definition, principal);
    return true;
  }

  private async insert(name: string, definition: ServiceDefinition, principal: Principal): Promise<boolean> {
    await this.assertResolvable(name, definition, ReadRights.forChange(principal));
    const target = parseName(name);
    return await this.database.write(`service ${name}`, async (manager) => {
      await this.namespaces.authorize(principal, 'catalog.register-service', target.namespace, manager, name);
      if (await this.isRegistered(name, definition, manager)) return false;
      await this.insertRow(manager, name, definition, principal);
      return true;
    });
  }

  private async insertRow(
    manager: EntityManager,
    name: string,
    definition: ServiceDefinition,
    principal: Principal,
  ): Promise<void> {
    const target = parseName(name);
    const at = this.clock.now();
    const actor = principal.key;
    const { version } = definition;
    const found = await this.queries.find(target, manager);
    const serviceId = found?.id ?? (await newService(manager, target, at));
    await manager.insert(ServiceVersionRow, {
      serviceId,
      version,
      versionKey: versionKeyOf(version),
      precedence: precedenceOf(version),
      isStable: version.includes('-') ? 0 : 1,
      definition: canonicalText(definition),
      registeredBy: actor,
      registeredAt: at,
    });
    await writeAudit(manager, { at, actor, action: 'service.register', target: `${name}@${version}` });
  }

  /** @throws Problem `version-exists` where the number stands for other content */
  private async isRegistered(
    name: string,
    definition: ServiceDefinition,
    manager: EntityManager,
  ): Promise<boolean> {
    const service = await this.queries.find(parseName(name), manager);
    if (service === undefined) return false;
    const versionKey = versionKeyOf(definition.version);
    const row = await manager.findOneBy(ServiceVersionRow, { serviceId: service.id, versionKey });
    if (row === null) return false;
    if (row.definition === canonicalText(definition)) return true;
    throw new Problem(
      'version-exists',
      `Service ${name} ${row.version} was registered before with other content.`,
    );
  }

  /** @throws Problem `service-invalid`, with a pointer to each proxylet that is not there */
  private async assertResolvable(
    name: string,
    { version, proxylets }: ServiceDefinition,
    reader: ReadRights,
    manager = this.database.read,
  ): Promise<void> {
    const wants: Constraint[] = Object.entries(proxylets).map(([proxylet, range]) => ({
      name: proxylet,
      range,
      by: `service ${name} ${version}`,
    }));
    const now = await this.resolvesTo({ version, proxylets }, reader, manager);
    const missing = Object.keys(now).filter((proxylet) => now[proxylet] === null);
    if (missing.length > 0) {
      const errors = missing.map((proxylet) => ({
        pointer: pointerOf(['proxylets', proxylet]),
        detail: `${proxylet} has no version in the range ${proxylets[proxylet] ?? ''} in this catalog`,
      }));
      throw new Problem(
        'service-invalid',
        `The service names what is not there: ${errors[0]?.detail ?? ''}.`,
        { errors },
      );
    }
    try {
      await this.resolver.assertResolvable(wants, reader, manager);
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'unresolvable') throw error;
      throw new Problem('service-invalid', error.detail, { errors: error.errors, cause: error });
    }
  }

  private async resolvesTo(
    { proxylets }: ServiceDefinition,
    reader: ReadRights,
    manager = this.database.read,
  ): Promise<Record<string, string | null>> {
    const result: Record<string, string | null> = {};
    for (const [name, range] of Object.entries(proxylets)) {
      const candidates = await versionsOfName(manager, reader, name);
      const best = candidates.find(
        (candidate) => !withdrawn.includes(candidate.state) && satisfies(candidate.version, range),
      );
      result[name] = best?.version ?? null;
    }
    return result;
  }
}

async function newService(
  manager: EntityManager,
  { namespace, name }: ReturnType<typeof parseName>,
  at: string,
): Promise<number> {
  const { identifiers } = await manager.insert(ServiceRow, { namespace, name, createdAt: at });
  const id: unknown = identifiers[0]?.['id'];
  if (typeof id !== 'number') throw new Error(`no id for service ${formatName({ namespace, name })}`);
  return id;
}

function itemOf({ definition, registeredBy, registeredAt }: RegisteredService): ServiceItem {
  const { version, description, proxylets } = definition;
  return {
    version,
    ...(description === undefined ? {} : { description }),
    proxylets,
    registeredBy,
    registeredAt,
  };
}

/** Equal content is equal text, whatever the order it was sent in. */
export function canonicalText({ version, description, proxylets }: ServiceDefinition): string {
  const sorted = Object.entries(proxylets).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({ version, description, proxylets: Object.fromEntries(sorted) });
}
