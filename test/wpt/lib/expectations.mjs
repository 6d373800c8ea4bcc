import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const home = new URL('../expectations/', import.meta.url);

/**
 * What is known to fail in a folder: a list of `{ file, reason, tests }`, where `tests` names subtests, or
 * `{ file, reason, skip: true }` for a file that is not run at all.
 *
 * @throws Error where an entry has no reason: a failure that nobody has looked at is not an expectation
 */
export function readExpectations(folder) {
  const path = pathOf(folder);
  const entries = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : [];
  for (const { file, reason } of entries) {
    if (typeof reason !== 'string' || reason === '') throw new Error(`${path}: ${file} has no reason`);
  }
  return entries;
}

export function isSkipped(entries, path) {
  return entries.some(({ file, skip }) => skip === true && file === path);
}

/** Lines that say what differs: failures nobody expects, and expected ones that pass. */
export function differences(files, entries) {
  const lines = [];
  for (const [path, { failed }] of files) {
    const expected = new Set(expectedOf(entries, path));
    for (const [name, message] of failed) {
      if (!expected.has(name)) lines.push(`${path} | ${name} | fails: ${message}`);
    }
    for (const name of expected) {
      if (!failed.has(name)) lines.push(`${path} | ${name} | passes, and is expected to fail`);
    }
  }
  return lines;
}

/** Drops what passes; gives `reason` to failures that have none, where there is one. */
export function updateExpectations(folder, files, reason) {
  const entries = readExpectations(folder);
  const kept = entries
    .map((entry) => (entry.skip === true ? entry : stillFailing(entry, files)))
    .filter(({ skip, tests }) => skip === true || tests.length > 0);
  if (reason !== '') {
    for (const [file, { failed }] of files) {
      const known = new Set(expectedOf(kept, file));
      const tests = [...failed.keys()].filter((name) => !known.has(name));
      if (tests.length > 0) kept.push({ file, reason, tests });
    }
  }
  const sorted = kept.toSorted((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
  writeFileSync(pathOf(folder), `${JSON.stringify(sorted, undefined, 2)}\n`);
}

function stillFailing({ file, reason, tests = [] }, files) {
  const ran = files.get(file);
  return { file, reason, tests: ran === undefined ? tests : tests.filter((name) => ran.failed.has(name)) };
}

function expectedOf(entries, path) {
  return entries.filter(({ file }) => file === path).flatMap(({ tests = [] }) => tests);
}

function pathOf(folder) {
  return fileURLToPath(new URL(`${folder.replaceAll('/', '-')}.json`, home));
}
