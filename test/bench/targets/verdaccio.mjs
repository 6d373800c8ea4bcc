import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inWorkspace, until } from '@proxylet/testing';

const version = '6.10.4';
const home = inWorkspace('var/bench/verdaccio');
const installed = join(home, version);

/**
 * verdaccio in a process of its own, set up for speed: nobody logs in, everybody may publish, no web page, no uplink,
 * no log. As it ships it never calls fsync; with `isSynced` each file is synced before it gets its name and the
 * folder after that, which is what the catalog does.
 */
export async function startVerdaccio({ isSynced, say }) {
  await install(say);
  const folder = await mkdtemp(join(tmpdir(), 'bench-verdaccio-'));
  const port = await freePort();
  await writeFile(join(folder, 'config.json'), JSON.stringify(settings(folder)));
  const preload = isSynced ? ['--require', fileURLToPath(new URL('sync-renames.cjs', import.meta.url))] : [];
  const main = join(installed, 'node_modules/verdaccio/bin/verdaccio');
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

/** Into the state folder, once: 65 MB that only this bench needs. */
async function install(say) {
  if (existsSync(join(installed, 'node_modules/verdaccio'))) return;
  say(`installing verdaccio ${version} into ${home}`);
  const partial = `${installed}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  // One plug-in, unused here, wants `node-fetch` by a tag that not every registry carries.
  const manifest = { private: true, overrides: { 'node-fetch': '2.7.0' } };
  await writeFile(join(partial, 'package.json'), JSON.stringify(manifest));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact'];
  const npm = join(dirname(process.execPath), 'npm');
  await promisify(execFile)(existsSync(npm) ? npm : 'npm', ['install', ...flags, `verdaccio@${version}`], {
    cwd: partial,
  });
  await rm(installed, { recursive: true, force: true });
  await rename(partial, installed);
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
