import { testsOf, variantsOf } from './tests.mjs';

/** Stands for the file itself: it did not come to its end. */
export const wholeFile = '(file)';

const words = ['pass', 'fail', 'timeout', 'not run', 'precondition'];

/**
 * Runs the tests of a folder, each in a fresh isolate or process.
 *
 * @returns for each path: what failed, by subtest, and how many passed
 */
export async function scoreOf(folder, guests, isSkipped) {
  const files = new Map();
  for (const path of testsOf(folder)) {
    if (isSkipped(path)) continue;
    const file = { passed: 0, failed: new Map() };
    for (const query of variantsOf(path)) add(file, await guests.run(path, query));
    files.set(path, file);
  }
  return files;
}

function add(file, { rows, status, message }) {
  const seen = new Set();
  for (const [given, code, text] of rows) {
    const name = nameOf(given, seen);
    if (code === 0) file.passed += 1;
    else file.failed.set(name, `${words[code] ?? code}: ${text}`);
  }
  if (status !== 0) file.failed.set(wholeFile, message);
}

/** Some tests give several subtests one name. */
function nameOf(given, seen) {
  let name = given;
  for (let copy = 2; seen.has(name); copy += 1) name = `${given} (${copy})`;
  seen.add(name);
  return name;
}

export function countsOf(files) {
  let passed = 0;
  let failed = 0;
  for (const file of files.values()) {
    passed += file.passed;
    failed += file.failed.size;
  }
  return { files: files.size, passed, total: passed + failed };
}
