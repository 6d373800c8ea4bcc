import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './npm.mjs';
import { root } from './paths.mjs';
import { say } from './report.mjs';

const lockfile = join(root, 'package-lock.json');
/** npm writes this one as the last step of every installation. */
const installedList = join(root, 'node_modules/.package-lock.json');
const stamp = join(root, 'node_modules/.proxylet-install');

/** Installs what the lockfile names; does nothing, and calls no npm, when just that is installed already. */
export async function ensureInstalled() {
  if (existsSync(installedList) && (isStamped() || isInstalled())) return;
  say('Installing dependencies.');
  const purpose = 'install the dependencies';
  // A registry that cannot be reached is told here at once: npm itself would try it for every package.
  await npm(['view', 'zod', 'version'], { cwd: root, purpose });
  // Not `npm ci`: it refuses a lockfile without the builds for other platforms, which not every registry carries.
  await npm(['install', '--no-save'], { cwd: root, purpose });
  writeFileSync(stamp, digest());
}

/** Whether the last installation made here was of this lockfile, and nothing was installed by hand since. */
function isStamped() {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === digest();
}

function digest() {
  const hash = createHash('sha256');
  for (const path of [lockfile, installedList]) hash.update(readFileSync(path));
  return hash.digest('hex');
}

/** Whether what npm noted is what the lockfile wants; a package of another platform is left out and optional there. */
function isInstalled() {
  const [wanted, present] = [lockfile, installedList].map(
    (path) => JSON.parse(readFileSync(path, 'utf8')).packages,
  );
  return Object.entries(wanted).every(([path, { version, integrity, link, optional }]) => {
    if (!path.includes('node_modules/')) return true;
    const found = present[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity && found.link === link;
  });
}
