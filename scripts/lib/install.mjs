import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './npm.mjs';
import { root } from './paths.mjs';
import { say } from './report.mjs';

const stamp = join(root, 'node_modules/.proxylet-install');

/** Installs what the lockfile names; does nothing, and calls no npm, when just that is installed already. */
export async function ensureInstalled() {
  const lockfile = readFileSync(join(root, 'package-lock.json'));
  const wanted = createHash('sha256').update(lockfile).digest('hex');
  if (isStamped(wanted) || isInstalled(JSON.parse(lockfile).packages)) return;
  say('Installing dependencies.');
  const purpose = 'install the dependencies';
  // A registry that cannot be reached is told here at once: npm itself would try it for every package.
  await npm(['view', 'zod', 'version'], { cwd: root, purpose });
  // Not `npm ci`: it refuses a lockfile without the builds for other platforms, which not every registry carries.
  await npm(['install', '--no-save'], { cwd: root, purpose });
  writeFileSync(stamp, wanted);
}

function isStamped(wanted) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
}

/**
 * npm notes what it installed as its last step, in the form of the lockfile; a package of another platform is left
 * out there and is optional here.
 */
function isInstalled(wanted) {
  const list = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(list)) return false;
  const present = JSON.parse(readFileSync(list, 'utf8')).packages;
  return Object.entries(wanted).every(([path, { version, integrity, link, optional }]) => {
    if (!path.includes('node_modules/')) return true;
    const found = present[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity && found.link === link;
  });
}
