#!/usr/bin/env node
// Runs web-platform-tests in the sandbox and prints the scores. Needs built code (`npm run build`).
//
//   node test/wpt/run.mjs [folder or path…]   compares with the expectations; exit code 1 where something differs
//     --fetch         downloads the files and stops
//     --http          each test as a published and installed proxylet of a whole stack, called over HTTP
//     --node          the same on plain Node, without comparing
//     --workerd       the same in workerd, without comparing; with --update into its column of the page
//     --all           prints every failing subtest with its message
//     --update        drops expectations that pass, writes scores and docs/conformance.md; format them afterwards
//     --reason=TEXT   with --update: expects what fails without an expectation, for this reason
import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { differences, isSkipped, readExpectations, updateExpectations } from './lib/expectations.mjs';
import { ensureWpt } from './lib/files.mjs';
import { startHttp } from './lib/http.mjs';
import { startNode } from './lib/node.mjs';
import { isPageInStep, readScores, table, writePage, writeScores } from './lib/page.mjs';
import { startGuests } from './lib/sandbox.mjs';
import { countsOf, scoreOf } from './lib/score.mjs';
import { folders } from './lib/tests.mjs';
import { startWorkerd } from './lib/workerd.mjs';

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: {
    fetch: { type: 'boolean', default: false },
    http: { type: 'boolean', default: false },
    node: { type: 'boolean', default: false },
    workerd: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    reason: { type: 'string', default: '' },
  },
});

await ensureWpt();
if (values.fetch) exit(0);
const scores = readScores();
let different = 0;
for (const folder of folders.filter(isWanted)) await runFolder(folder);
if (values.update) {
  writeScores(scores);
  writePage(scores);
}
if (!isPageInStep(scores)) {
  different += 1;
  stdout.write('docs/conformance.md is out of step with the expectations: run with --update\n');
}
stdout.write(`\n${table(scores)}`);
exit(different === 0 ? 0 : 1);

function isWanted(folder) {
  const isPartOf = (wanted) => wanted === folder || wanted.startsWith(`${folder}/`);
  return positionals.length === 0 || positionals.some(isPartOf);
}

/** A path below a folder runs the files that begin with it, and changes no score. */
async function runFolder(folder) {
  const parts = positionals.filter((wanted) => wanted.startsWith(`${folder}/`));
  const isPart = (path) => parts.length === 0 || parts.some((part) => path.startsWith(part));
  const entries = readExpectations(folder);
  const isLeftOut = (path) => !isPart(path) || isSkipped(entries, path);
  const files = await score(folder, await start(), isLeftOut);
  const { passed, total } = countsOf(files);
  stdout.write(`${folder}: ${passed} of ${total}\n`);
  if (values.all) printAll(files);
  if (values.node || values.workerd) {
    if (values.update && values.workerd && parts.length === 0) scores[folder].workerd = countsOf(files);
    return;
  }
  if (values.update) {
    updateExpectations(folder, files, values.reason);
    if (parts.length === 0) {
      const node = countsOf(await score(folder, startNode(), isLeftOut));
      scores[folder] = { ...scores[folder], ours: countsOf(files), node };
    }
  }
  for (const line of differences(files, readExpectations(folder))) {
    different += 1;
    stdout.write(`  ${line}\n`);
  }
}

function start() {
  if (values.node) return startNode();
  if (values.workerd) return startWorkerd();
  return values.http ? startHttp() : startGuests();
}

async function score(folder, guests, isLeftOut) {
  try {
    return await scoreOf(folder, guests, isLeftOut);
  } finally {
    await guests[Symbol.asyncDispose]();
  }
}

function printAll(files) {
  for (const [path, { failed }] of files) {
    for (const [name, message] of failed) stdout.write(`  ${path} | ${name} | ${message}\n`);
  }
}
