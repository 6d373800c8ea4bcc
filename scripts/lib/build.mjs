import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runNode } from './command.mjs';
import { root } from './paths.mjs';
import { exitCodes, say, Stop } from './report.mjs';

const stamp = join(root, 'dist/.build-stamp');
const skipped = new Set(['node_modules', 'dist', 'var', 'test', '.git']);

/** Folders that hold one package each. */
export function packageFolders() {
  return [...subfolders('libs'), ...subfolders('apps')].filter((folder) =>
    existsSync(join(folder, 'package.json')),
  );
}

/** Compiles and bundles when a source is newer than what was built; else costs a walk over the sources. */
export async function ensureBuilt() {
  const wanted = fingerprint();
  if (isBuilt(wanted)) return;
  say('Building.');
  await compile();
  for (const script of [...packageFolders(), join(root, 'catalog-data')].map((folder) =>
    join(folder, 'build.mjs'),
  )) {
    if (existsSync(script)) await step(script, [script]);
  }
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, wanted);
}

async function compile() {
  const projects = packageFolders().filter((folder) => existsSync(join(folder, 'tsconfig.json')));
  await step('tsc', [join(root, 'node_modules/typescript-native/bin/tsc'), '-b', ...projects]);
}

async function step(name, args) {
  const { code } = await runNode(args);
  if (code === 0) return;
  if (code > 128) process.exit(code);
  throw new Stop(
    exitCodes.internal,
    `The build failed in ${relative(root, name) || name}: the faults are above.`,
  );
}

function isBuilt(wanted) {
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) return false;
  return packageFolders().every((folder) => existsSync(join(folder, 'dist')));
}

/** Path, size and time of every source: cheaper than their bytes, and an unneeded build costs a second only. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const name of ['tsconfig.base.json', 'package-lock.json']) hash.update(describe(join(root, name)));
  for (const folder of ['libs', 'apps', 'catalog-data']) {
    for (const line of [...sources(join(root, folder))].map(describe).toSorted()) hash.update(line);
  }
  return hash.digest('hex');
}

function describe(path) {
  const { size, mtimeMs } = statSync(path);
  return `${relative(root, path)}\0${size}\0${mtimeMs}\n`;
}

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skipped.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* sources(path);
    else if (entry.isFile() && !/\.(int-)?spec\.ts$/.test(entry.name)) yield path;
  }
}

function subfolders(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(root, folder, entry.name));
}
