import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packFolder } from '@proxylet/artifact';
import { parseName, satisfies, serviceDefinitionSchema } from '@proxylet/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, proxyletFolders } from '../bundle.mjs';
import { importBundle } from '../import-bundle.js';

const servicesFolder = fileURLToPath(new URL('../../services', import.meta.url));
const serviceFiles = (await readdir(servicesFolder)).filter((file) => file.endsWith('.json'));

/** Inside the repository, for a proxylet's build looks up packages from where it lies. */
const dist = fileURLToPath(new URL('../../dist', import.meta.url));
let out: string;
beforeAll(async () => {
  await mkdir(dist, { recursive: true });
  out = await mkdtemp(join(dist, 'shipped-'));
});
afterAll(() => rm(out, { recursive: true }));

const isSource = (path: string) => basename(path) !== 'dist';

/** Builds and packs a copy, so that a path of this machine in a bundle shows as a difference. */
async function build(folder: string, depth = '.') {
  const place = join(await mkdtemp(join(out, 'copy-')), depth);
  const target = join(place, basename(folder));
  await cp(folder, target, { recursive: true, filter: isSource });
  await cp(join(folder, '../shared'), join(place, 'shared'), { recursive: true });
  await bundle(target);
  return { ...(await packFolder(target)), map: join(target, 'dist/index.js.map') };
}

describe.each(proxyletFolders().map((folder) => [basename(folder), folder]))('%s', (name, folder) => {
  it('packs to the same bytes wherever it is built', async () => {
    const first = await build(folder);
    const second = await build(folder, 'deeper/still');
    expect(second.digest).toBe(first.digest);
  });

  it("is a proxylet of its folder's name, with README, changelog and source map", async () => {
    const { manifest, files } = await build(folder);
    expect(manifest.name).toBe(`demo/${name}`);
    expect(manifest.license).toBe('Apache-2.0');
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['README.md', 'CHANGELOG.md', 'dist/index.js', 'dist/index.js.map']),
    );
    expect(await readFile(join(folder, 'README.md'), 'utf8')).toContain(`# ${manifest.name}\n`);
    expect(await readFile(join(folder, 'CHANGELOG.md'), 'utf8')).toContain(`## ${manifest.version}\n`);
  });

  it('has a handler, and a source map that names its own sources only', async () => {
    const { fetch } = await importBundle<{ fetch: unknown }>(name);
    expect(fetch).toBeInstanceOf(Function);
    const { map } = await build(folder);
    const { sources } = JSON.parse(await readFile(map, 'utf8')) as { sources: string[] };
    expect(sources).toContain('../src/index.ts');
    expect(sources.filter((source) => source.startsWith('/') || source.includes('node_modules'))).toEqual([]);
  });
});

describe('services', () => {
  it.each(serviceFiles)('%s names proxylets that ship', async (file) => {
    const text = await readFile(join(servicesFolder, file), 'utf8');
    const { name, ...definition } = JSON.parse(text) as { name: string };
    expect(`${parseName(name).name}.json`).toBe(file);
    const shipped = await Promise.all(proxyletFolders().map((folder) => build(folder)));
    for (const [wanted, range] of Object.entries(serviceDefinitionSchema.parse(definition).proxylets)) {
      const hit = shipped.find(({ manifest }) => manifest.name === wanted);
      expect(satisfies(hit?.manifest.version ?? '', range), wanted).toBe(true);
    }
  });
});
