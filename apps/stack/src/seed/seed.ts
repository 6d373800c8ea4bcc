import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packFolder } from '@proxylet/artifact';
import { nameSchema, serviceDefinitionSchema } from '@proxylet/contract';
import { z } from 'zod';
import { CatalogApi, CatalogRefusal } from './catalog-api.js';

const namespace = 'demo';
const versionSchema = z.looseObject({ digest: z.string() });
const serviceFileSchema = serviceDefinitionSchema.extend({ name: nameSchema });
const tokenSchema = z.looseObject({ access_token: z.string() });

export interface SeedOptions {
  readonly catalogUrl: string;
  /** Issuer of the development IdM. */
  readonly idmUrl: string;
  /** Holds one built proxylet per folder and `services/*.json`. */
  readonly folder: string;
  /** Takes one line each. */
  readonly warn: (line: string) => void;
}

/** Publishes the sample data through the catalog's API as paula. What is there already stays as it is. */
export async function seed({ catalogUrl, idmUrl, folder, warn }: SeedOptions): Promise<void> {
  const paula = new CatalogApi(catalogUrl, await tokenOf(idmUrl, 'paula'));
  await claimNamespace(paula, async () => {
    const adam = new CatalogApi(catalogUrl, await tokenOf(idmUrl, 'adam'));
    const principal = encodeURIComponent(`user|${idmUrl}|paula`);
    await adam.put(`namespaces/${namespace}/members/${principal}`, { role: 'owner' });
  });
  for (const proxylet of await proxyletFolders(folder)) await publish(paula, proxylet, warn);
  for (const file of await serviceFiles(folder)) await registerService(paula, file, warn);
}

/** A namespace kept from an issuer of another name is handed to today's paula by the admin. */
async function claimNamespace(paula: CatalogApi, handOver: () => Promise<void>): Promise<void> {
  try {
    await paula.put(`namespaces/${namespace}`);
  } catch (error) {
    if (!(error instanceof CatalogRefusal) || error.code !== 'namespace-taken') throw error;
    await handOver();
  }
}

async function publish(api: CatalogApi, folder: string, warn: (line: string) => void): Promise<void> {
  const { bytes, digest, manifest } = await packFolder(folder);
  const path = `proxylets/${manifest.name}/versions/${manifest.version}`;
  const present = versionSchema.safeParse(await api.get(path));
  if (present.data?.digest === digest) return;
  if (present.success) {
    warn(
      `The source of ${manifest.name} ${manifest.version} differs from what was published: raise its version to publish it.`,
    );
    return;
  }
  await api.putArchive(path, bytes);
}

async function registerService(api: CatalogApi, file: string, warn: (line: string) => void): Promise<void> {
  const { name, ...definition } = serviceFileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  try {
    await api.put(`services/${name}`, definition);
  } catch (error) {
    if (!(error instanceof CatalogRefusal) || error.code !== 'version-exists') throw error;
    warn(`The service ${name} ${definition.version} was registered with other content: raise its version.`);
  }
}

async function proxyletFolders(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).toSorted();
  const found = await Promise.all(
    names.map(async (name) =>
      (await isThere(join(folder, name, 'proxylet.jsonc'))) ? [join(folder, name)] : [],
    ),
  );
  return found.flat();
}

async function serviceFiles(folder: string): Promise<string[]> {
  const services = join(folder, 'services');
  if (!(await isThere(services))) return [];
  const names = (await readdir(services)).filter((name) => name.endsWith('.json'));
  return names.toSorted().map((name) => join(services, name));
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function tokenOf(idmUrl: string, user: string): Promise<string> {
  const response = await fetch(`${idmUrl}/dev/token`, {
    method: 'POST',
    body: new URLSearchParams({ user, audience: 'catalog' }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) throw new Error(`The IdM gave no token for ${user} (status ${response.status})`);
  return tokenSchema.parse(await response.json()).access_token;
}
