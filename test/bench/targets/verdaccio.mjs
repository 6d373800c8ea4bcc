import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '@proxylet/testing';
import { installed } from './on-demand.mjs';

const version = '6.10.4';
/** One plug-in, unused here, wants `node-fetch` by a tag that not every registry carries. */
const overrides = { 'node-fetch': '2.7.0' };

/**
 * verdaccio in a process of its own, set up for speed: nobody logs in, everybody may publish, no web page, no uplink,
 * no log. As it ships it never calls fsync; with `isSynced` each file is synced before it gets its name and the
 * folder after that, which is what the catalog does.
 */
export async function startVerdaccio({ isSynced, say }) {
  const home = await installed('verdaccio', version, say, overrides);
  const folder = await mkdtemp(join(tmpdir(), 'bench-verdaccio-'));
  const port = await freePort();
  await writeFile(join(folder, 'config.json'), JSON.stringify(settings(folder)));
  const preload = isSynced ? ['--require', fileURLToPath(new URL('sync-renames.cjs', import.meta.url))] : [];
  const main = join(home, 'node_modules/verdaccio/bin/verdaccio');
  const args = [...preload, main, '--config', join(folder, 'config.json'), '--listen', `127.0.0.1:${port}`];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  const stop = async () => {
    const exited = once(child, 'exit');
    if (child.exitCode === null && child.kill()) await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(async () => (await fetch(`${url}/-/ping`)).ok, { what: 'verdaccio', timeoutMs: 60_000 });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    name: isSynced ? 'verdaccio, synced' : 'verdaccio',
    url,
    pid: () => child.pid,
    headers: () => Promise.resolve({}),
    claim: () => Promise.resolve(),
    publication: (pack) => publicationOf(url, pack),
    metadataPath: (name) => `/${npmName(name)}`,
    blobPath: ({ name, version }) => `/${npmName(name)}/-/${fileName(name, version)}`,
    stop,
  };
}

function settings(folder) {
  return {
    storage: join(folder, 'storage'),
    max_body_size: '50mb',
    web: { enable: false },
    auth: { htpasswd: { file: join(folder, 'htpasswd') } },
    uplinks: {},
    packages: { '**': { access: '$all', publish: '$all', unpublish: '$all' } },
    log: { type: 'stdout', format: 'json', level: 'fatal' },
  };
}

/** What `npm publish` sends. */
function publicationOf(url, { name, version, bytes, sha1, sha512 }) {
  const pkg = npmName(name);
  const file = fileName(name, version);
  const document = {
    _id: pkg,
    name: pkg,
    'dist-tags': { latest: version },
    versions: {
      [version]: {
        name: pkg,
        version,
        description: 'a package of the bench',
        main: 'index.js',
        dist: { integrity: `sha512-${sha512}`, shasum: sha1, tarball: `${url}/${pkg}/-/${file}` },
      },
    },
    _attachments: {
      [file]: {
        content_type: 'application/octet-stream',
        data: bytes.toString('base64'),
        length: bytes.length,
      },
    },
  };
  return {
    path: `/${pkg}`,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(document)),
  };
}

function npmName(name) {
  return name.replace('/', '-');
}

function fileName(name, version) {
  return `${npmName(name)}-${version}.tgz`;
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
