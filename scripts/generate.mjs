/**
 * Writes the documents that follow from the code; with `--check` it writes nothing and fails when one is out of step.
 * Runs on built code (`npm run generate`, `npm run check`).
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { catalogSettings } from '@proxylet/catalog';
import { problemCodes } from '@proxylet/contract';
import { engineSettings } from '@proxylet/engine';
import { configMarkdown } from '@proxylet/nest';
import { idmSettings, stackSettings } from '@proxylet/stack';
import { root } from './lib/paths.mjs';
import { say } from './lib/report.mjs';

const note = '<!-- Made by `npm run generate`; changes by hand are lost. -->';

const documents = {
  'docs/configuration.md': configurationPage,
  'docs/problems.md': problemsPage,
  'docs/openapi/catalog.json': () => openApi('catalog'),
  'docs/openapi/engine.json': () => openApi('engine'),
};

function configurationPage() {
  return `# Configuration

${note}

Every setting is an environment variable; an empty one counts as unset. A secret may come from a file instead, named by
the same variable with \`_FILE\` at its end. A wrong configuration stops the program at start with exit code 64: all
faults are listed at once, and no values are shown.

## Catalog

${configMarkdown(catalogSettings)}
## Engine

${configMarkdown(engineSettings)}
## Launcher (\`npm start\`)

What is set here reaches the services as well.

${configMarkdown(stackSettings)}
## Development IdM

${configMarkdown(idmSettings)}`;
}

function problemsPage() {
  const rows = Object.entries(problemCodes).map(
    ([code, { status, blame, title }]) => `| \`${code}\` | ${status} | ${blame} | ${title} |`,
  );
  return `# Problems

${note}

Both servers answer errors as \`application/problem+json\` (RFC 9457). Branch on \`code\`: it never changes its meaning.
\`blame\` says who can help: the \`caller\`, the author of the code that ran as a \`guest\`, the \`operator\` of the
server, or \`us\`.

| Code | Status | Blame | Title |
| --- | --- | --- | --- |
${rows.join('\n')}
`;
}

/** The description as the built service itself serves it, in a state folder of its own. */
async function openApi(name) {
  const stateDir = mkdtempSync(join(tmpdir(), 'proxylet-generate-'));
  const prefix = `PROXYLET_${name.toUpperCase()}`;
  const env = {
    PATH: process.env.PATH,
    PROXYLET_STATE_DIR: stateDir,
    PROXYLET_EXIT_WITH_PARENT: '1',
    PROXYLET_LOG_LEVEL: 'error',
    [`${prefix}_PORT`]: '0',
  };
  const service = spawn(process.execPath, [join(root, 'apps', name, 'dist/main.js')], {
    env,
    stdio: ['pipe', 'pipe', 2],
  });
  const ended = new Promise((resolve) => service.once('close', resolve));
  try {
    const ready = await firstLine(service.stdout);
    const response = await fetch(`${JSON.parse(ready).url}/openapi.json`);
    if (!response.ok) throw new Error(`GET /openapi.json of the ${name} gave status ${response.status}`);
    return `${JSON.stringify(await response.json(), null, 2)}\n`;
  } finally {
    service.kill('SIGTERM');
    await ended;
    rmSync(stateDir, { recursive: true, force: true });
  }
}

async function firstLine(stream) {
  for await (const line of createInterface({ input: stream })) return line;
  throw new Error('The service ended before it was ready');
}

function present(path) {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch {
    return undefined;
  }
}

function write(path, text) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const isCheck = process.argv.includes('--check');
const made = await Promise.all(
  Object.entries(documents).map(async ([path, make]) => ({ path, text: await make() })),
);
const changed = made.filter(({ path, text }) => present(path) !== text);
for (const { path, text } of changed) {
  if (!isCheck) write(path, text);
  say(isCheck ? `${path} is out of step: run npm run generate.` : `Wrote ${path}.`);
}
process.exitCode = isCheck && changed.length > 0 ? 1 : 0;
