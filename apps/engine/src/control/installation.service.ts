import { Injectable } from '@nestjs/common';
import { enforce, type Principal } from '@proxylet/auth';
import { type Page, Problem } from '@proxylet/contract';
import { assertIfMatch, etagOf, ServiceInfo } from '@proxylet/nest';
import { EngineCore } from '../engine-core.js';
import { notInstalled, type Precondition } from '../install/changes.js';
import { ownerOf } from '../install/installer.js';
import type { OnProgress } from '../install/progress.js';
import { type Installation, sharedOwnerKey } from '../installations/installation.js';
import { pageOf } from './page.js';
import type {
  InitializeBody,
  InstallationView,
  InstallBody,
  ListQuery,
  OwnedInstallationView,
} from './schemas.js';
import { installationView, ownedView, type ViewContext } from './views.js';

export interface InstallAnswer {
  readonly view: InstallationView;
  readonly etag: string;
  readonly isNew: boolean;
}

/** Installations as the HTTP routes speak of them. */
@Injectable()
export class InstallationService {
  constructor(
    private readonly core: EngineCore,
    private readonly info: ServiceInfo,
  ) {}

  list(principal: Principal, query: ListQuery): Page<InstallationView> {
    const records = this.visibleTo(principal);
    const page = pageOf(records, ({ name }) => name, query);
    return { ...page, items: page.items.map((record) => this.view(record)) };
  }

  listAll(query: ListQuery): Page<OwnedInstallationView> {
    const page = pageOf(
      this.core.parts.registry.records(),
      ({ name, owner }) => `${name} ${owner.key}`,
      query,
    );
    return { ...page, items: page.items.map((record) => ownedView(record, this.context(record))) };
  }

  /** @throws Problem `not-installed`, also for what is somebody else's */
  get(principal: Principal, name: string): { view: InstallationView; etag: string } {
    const record = this.find(principal, name);
    return { view: this.view(record), etag: etagFor(record) };
  }

  find(principal: Principal, name: string): Installation {
    const record = this.core.parts.registry.find(principal.key, name)?.record;
    if (record === undefined) throw notInstalled(name);
    return record;
  }

  async install(
    principal: Principal,
    name: string,
    body: InstallBody,
    ifMatch: string | undefined,
    onProgress: OnProgress,
  ): Promise<InstallAnswer> {
    const { version = '*', consent, config } = body ?? {};
    const precondition =
      ifMatch === undefined ? undefined : { text: ifMatch, check: preconditionOf(ifMatch) };
    const request = { range: version, consent, config, precondition };
    const done = await this.core.parts.installer.install(principal, name, request, onProgress);
    return { view: this.view(done.installation), etag: etagFor(done.installation), isNew: done.isNew };
  }

  async initialize(principal: Principal, service: string, body: InitializeBody, onProgress: OnProgress) {
    const request = { range: body?.version ?? '*', consent: body?.consent, prefer: body?.prefer };
    const done = await this.core.parts.installer.initialize(principal, service, request, onProgress);
    return {
      service,
      version: done.version,
      installations: done.installations.map((record) => this.view(record)),
    };
  }

  /** One's own; a shared one takes the right to manage the engine. */
  async remove(principal: Principal, name: string, ifMatch: string | undefined): Promise<void> {
    const { owner } = this.manageable(principal, name);
    await this.core.parts.changes.remove(owner.key, name, preconditionOf(ifMatch));
  }

  /**
   * What the principal may change: one's own, or a shared one with the right to manage the engine.
   *
   * @throws Problem `not-installed`, `forbidden`
   */
  manageable(principal: Principal, name: string): Installation {
    const record = this.find(principal, name);
    if (record.owner.key === sharedOwnerKey) {
      enforce(principal, 'engine.manage', {}, `the shared proxylet ${name}`);
    }
    return record;
  }

  /**
   * Ends the quarantine of somebody's installation.
   *
   * @throws Problem `not-installed`
   */
  async release(id: string, principal: Principal): Promise<OwnedInstallationView> {
    const { registry, quarantine, changes } = this.core.parts;
    const record = registry.records().find((one) => one.id === id);
    const active = record && registry.own(record.owner.key, record.name);
    if (active === undefined) throw new Problem('not-installed', 'There is no installation of this id.');
    if (active.record.state === 'quarantined') {
      quarantine.release(active.record);
      await changes.note(active, 'idle', `released from quarantine by ${principal.key}`);
    }
    return ownedView(active.record, this.context(active.record));
  }

  /** The caller's own and the shared ones that are not hidden by one's own. */
  private visibleTo(principal: Principal): Installation[] {
    const { registry } = this.core.parts;
    const own = registry.recordsOf(ownerOf(principal).key);
    const names = new Set(own.map(({ name }) => name));
    return [...own, ...registry.recordsOf(sharedOwnerKey).filter(({ name }) => !names.has(name))];
  }

  private view(record: Installation): InstallationView {
    return installationView(record, this.context(record));
  }

  private context({ owner }: Installation): ViewContext {
    return {
      publicUrl: this.info.publicUrl,
      limitsOf: (record) => this.core.limitsOf(record),
      siblings: this.core.parts.registry.recordsOf(owner.key),
    };
  }
}

export function etagFor({ id, generation, updatedAtMs }: Installation): string {
  return etagOf(id, String(generation), String(updatedAtMs));
}

/** `If-Match` on something that is not there yet never holds (RFC 9110 §13.1.1). */
export function preconditionOf(ifMatch: string | undefined): Precondition {
  return (before) => assertIfMatch(ifMatch, before === undefined ? '"none"' : etagFor(before));
}
