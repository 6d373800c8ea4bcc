import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';

/**
 * Installs a package that only a bench needs into the state folder, once, without its install scripts.
 *
 * @param overrides versions of packages it depends on, where those it names are not to be had
 * @returns the folder whose `node_modules` holds it
 */
export async function installed(name, version, say, overrides = {}) {
  const home = inWorkspace(`var/bench/${name}`);
  const folder = join(home, version);
  if (existsSync(join(folder, 'node_modules', name))) return folder;
  say(`installing ${name} ${version} into ${home}`);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  await writeFile(join(partial, 'package.json'), JSON.stringify({ private: true, overrides }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--save-exact'];
  const npm = join(dirname(process.execPath), 'npm');
  await promisify(execFile)(existsSync(npm) ? npm : 'npm', ['install', ...flags, `${name}@${version}`], {
    cwd: partial,
  });
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  return folder;
}
