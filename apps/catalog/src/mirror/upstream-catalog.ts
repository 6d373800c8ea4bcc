import { formatName, Problem, type QualifiedName } from '@proxylet/contract';
import { pageSchema } from '@proxylet/nest';
import { z } from 'zod';
import { changesSchema, type ChangesPage } from '../ledger/feed.schemas.js';
import {
  proxyletSchema,
  type ProxyletView,
  type VersionItem,
  versionItemSchema,
  versionSchemaFull,
  type VersionView,
} from '../proxylet/proxylet.schemas.js';
import { type ServiceItem, serviceItemSchema } from '../service/service.schemas.js';
import { senseless, type UpstreamClient } from './upstream-client.js';

const pageSize = 100;
/** Pages of one list; 1 000 000 versions of one proxylet are somebody's error. */
const maxPages = 1000;
const versionsSchema = pageSchema(versionItemSchema);
const servicesSchema = pageSchema(serviceItemSchema);
const namespaceSchema = z.object({ name: z.string() });

/** What is asked of the catalog that is mirrored. Only what is public there counts as being there. */
export class UpstreamCatalog {
  constructor(readonly client: UpstreamClient) {}

  async hasNamespace(name: string): Promise<boolean> {
    return (await this.client.json(`/v1/namespaces/${name}`, namespaceSchema)) !== undefined;
  }

  async proxylet(target: QualifiedName): Promise<ProxyletView | undefined> {
    const name = formatName(target);
    const view = await this.client.json(`/v1/proxylets/${name}`, proxyletSchema);
    if (view !== undefined && view.name !== name) throw senseless(`asked for ${name} it tells of another`);
    return view?.visibility === 'public' ? view : undefined;
  }

  /** Every version, highest first. */
  async *versions(target: QualifiedName): AsyncGenerator<VersionItem> {
    yield* this.pages(`/v1/proxylets/${formatName(target)}/versions`, versionsSchema);
  }

  async version(target: QualifiedName, item: VersionItem): Promise<VersionView> {
    const name = formatName(target);
    const path = `/v1/proxylets/${name}/versions/${encodeURIComponent(item.version)}`;
    const view = await this.client.json(path, versionSchemaFull);
    if (view === undefined) throw senseless(`${name} ${item.version} is listed and not there`);
    const { manifest } = view;
    const agrees =
      view.digest === item.digest &&
      view.version === item.version &&
      manifest.name === name &&
      manifest.version === item.version;
    if (!agrees) throw senseless(`what it says of ${name} ${item.version} does not agree`);
    return view;
  }

  async readme(target: QualifiedName, version: string): Promise<string | undefined> {
    const path = `/v1/proxylets/${formatName(target)}/versions/${encodeURIComponent(version)}/readme`;
    return await this.client.text(path, 'text/markdown');
  }

  /** Every version of a service, highest first; undefined where there is none. */
  async service(target: QualifiedName): Promise<ServiceItem[] | undefined> {
    const items: ServiceItem[] = [];
    try {
      for await (const item of this.pages(`/v1/services/${formatName(target)}/versions`, servicesSchema))
        items.push(item);
    } catch (error) {
      if (error instanceof Problem && error.code === 'not-found') return undefined;
      throw error;
    }
    return items.length === 0 ? undefined : items;
  }

  async changes(since: number | 'now', epoch: string | undefined, waitSeconds: number): Promise<ChangesPage> {
    const query = `since=${since}&limit=500&wait=${waitSeconds}${epoch === undefined ? '' : `&epoch=${epoch}`}`;
    const page = await this.client.json(`/v1/changes?${query}`, changesSchema, waitSeconds * 1000);
    if (page === undefined) throw senseless('it has no change feed');
    return page;
  }

  private async *pages<T>(
    path: string,
    schema: z.ZodType<{ items: T[]; nextCursor?: string | undefined }>,
  ): AsyncGenerator<T> {
    let cursor: string | undefined;
    for (let page = 0; page < maxPages; page += 1) {
      const query = `limit=${pageSize}${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const answer = await this.client.json(`${path}?${query}`, schema);
      if (answer === undefined) throw new Problem('not-found', `The upstream catalog has no ${path}.`);
      yield* answer.items;
      cursor = answer.nextCursor;
      if (cursor === undefined) return;
    }
    throw senseless('a list does not end');
  }
}
