import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../../scripts/lib/paths.mjs';
import { readExpectations } from './expectations.mjs';
import { folders } from './tests.mjs';

const scoresPath = fileURLToPath(new URL('../scores.json', import.meta.url));
const pagePath = join(root, 'docs/conformance.md');

/** Scores of the last `--update`: ours and Node's, by folder. */
export function readScores() {
  return existsSync(scoresPath) ? JSON.parse(readFileSync(scoresPath, 'utf8')) : {};
}

export function writeScores(scores) {
  writeFileSync(scoresPath, `${JSON.stringify(scores, undefined, 2)}\n`);
}

export function table(scores) {
  const rows = folders
    .filter((folder) => scores[folder] !== undefined)
    .map((folder) => {
      const { ours, node, workerd } = scores[folder];
      const known = Math.max(ours.total, node.total);
      const cells = [ours, node, workerd].map((one) =>
        one === undefined ? '' : `${one.passed} (${percent(one.passed, known)})`,
      );
      return `| ${folder} | ${ours.files} | ${known} | ${cells.join(' | ')} |`;
    });
  const head = '| folder | files | subtests | proxylet | Node 24 | workerd |\n|---|---:|---:|---:|---:|---:|';
  return `${head}\n${rows.join('\n')}\n`;
}

function percent(part, whole) {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
}

/** The page of scores and of every known failure, by reason. */
function page(scores) {
  return `# Conformance

<!-- Made by \`node test/wpt/run.mjs --update\`; changes by hand are lost. -->

Web-platform-tests (the dated copy in Debian's source of Node 20.19.2), each file in a fresh isolate of the real
sandbox, and the same file on plain Node for comparison. Counted are the files that need no page (\`*.any.js\`).
A subtest that fails without an expectation fails the build, and so does one that passes against it.

The proxylet has the capability \`wasm\`, which some files need to come by memory of every kind. Over HTTP, with each
file as a published and installed proxylet of a whole stack (\`node test/wpt/run.mjs --http\`), the figures are the same.

workerd runs the same modules, each in a process of its own, as it is configured without flags (\`--workerd\`); a file that
does not come to its end there within 24 s counts with what it told until then. Where its column is empty, too many did.

${table(scores)}
## What fails, and why

| folder | reason | subtests |
|---|---|---:|
${folders.flatMap(reasonRows).join('\n')}
`;
}

function reasonRows(folder) {
  const counts = new Map();
  for (const { reason, tests, skip } of readExpectations(folder)) {
    const { failing, files } = counts.get(reason) ?? { failing: 0, files: 0 };
    counts.set(reason, {
      failing: failing + (tests?.length ?? 0),
      files: files + (skip === true ? 1 : 0),
    });
  }
  return [...counts].map(([reason, { failing, files }]) => {
    const count = files === 0 ? String(failing) : `${files} files not run`;
    return `| ${folder} | ${reason} | ${count} |`;
  });
}

export function writePage(scores) {
  writeFileSync(pagePath, page(scores));
}

export function isPageInStep(scores) {
  return existsSync(pagePath) && readFileSync(pagePath, 'utf8') === page(scores);
}
