import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './npm.mjs';
import { root } from './paths.mjs';
import { say } from './report.mjs';

/** Installs what the lockfile names; does nothing, and calls no npm, when just that is installed already. */
export async function ensureInstalled() {
  if (isInstalled()) return;
  say('Installing dependencies (npm ci).');
  await npm(['ci'], { cwd: root, purpose: 'install the dependencies' });
}

/**
 * npm notes what it installed as its last step, in the form of the lockfile; a package of another platform is left
 * out there and is optional here.
 */
function isInstalled() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages('node_modules/.package-lock.json');
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, { version, integrity, link, optional }]) => {
    if (!path.includes('node_modules/')) return true;
    const found = present[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity && found.link === link;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
