/**
 * Every command of the repository: brings the right Node, installs, builds, and then does what is asked.
 * Plain JavaScript without dependencies, for it runs first on a fresh machine, with Node 18 or newer.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { onOrphaned, runNode } from './lib/command.mjs';
import { ensureNode } from './lib/node.mjs';
import { root } from './lib/paths.mjs';
import { exitCodes, say, Stop } from './lib/report.mjs';
import { setUp } from './lib/setup.mjs';

const commands = {
  start: (args) => enter('apps/stack/dist/main.js', args),
  catalog: (args) => enter(`apps/catalog/dist/${args.length === 0 ? 'main' : 'tool'}.js`, args),
  engine: (args) => {
    useEngineSecret();
    return enter(`apps/engine/dist/${args.length === 0 ? 'main' : 'tool'}.js`, args);
  },
  idm: () => enter('apps/stack/dist/idm/main.js', []),
  build: () => Promise.resolve(),
  generate: async () => {
    process.exitCode = (await runNode([join(root, 'scripts/generate.mjs')])).code;
  },
  check: async () => {
    const { check } = await import('./lib/check.mjs');
    const { passed, failed } = await check();
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
    process.exitCode = failed === 0 ? 0 : 1;
  },
  test: async (args) => {
    const { test } = await import('./lib/test.mjs');
    const { passed, failed, code } = await test(args);
    process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
    process.exitCode = code;
  },
  bench: async (args) => {
    process.exitCode = (
      await runNode([join(root, 'test/bench/main.mjs'), ...args], { output: 'inherit' })
    ).code;
  },
  soak: async (args) => {
    process.exitCode = (
      await runNode([join(root, 'test/long/soak.mjs'), ...args], { output: 'inherit' })
    ).code;
  },
};

const [command = '', ...args] = process.argv.slice(2);
try {
  const work = commands[command];
  if (work === undefined) {
    throw new Stop(exitCodes.usage, `Name one of ${Object.keys(commands).join(', ')} after scripts/run.mjs.`);
  }
  process.chdir(root);
  await ensureNode(fileURLToPath(import.meta.url), process.argv.slice(2));
  await setUp();
  await work(args);
} catch (error) {
  say(error instanceof Stop ? error.message : (error.stack ?? String(error)));
  process.exitCode = error instanceof Stop ? error.exitCode : exitCodes.internal;
}

/** Goes on as the given program in this very process, so that signals and exit codes need no hand-over. */
async function enter(path, programArgs) {
  onOrphaned(() => process.kill(process.pid, 'SIGTERM'));
  process.argv = [process.execPath, join(root, path), ...programArgs];
  await import(pathToFileURL(join(root, path)).href);
}

/** Beside `npm run idm` the engine finds its client secret where that one keeps it. */
function useEngineSecret() {
  const { PROXYLET_ENGINE_CLIENT_SECRET: secret, PROXYLET_ENGINE_CLIENT_SECRET_FILE: file } = process.env;
  const made = join(process.env.PROXYLET_STATE_DIR ?? join(root, 'var'), 'idm/engine-client-secret');
  if (!secret && !file && existsSync(made)) process.env.PROXYLET_ENGINE_CLIENT_SECRET_FILE = made;
}
