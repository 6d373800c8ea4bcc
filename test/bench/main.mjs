/**
 * `npm run bench [-- run | flow | cold | noisy | idle | catalog | resolve | auth] [--json] [--rounds n] [--seconds n] [--connections n]
 * [--installations n] [--deno]`
 */
import { parseArgs } from 'node:util';
import { benchAuth } from './auth.mjs';
import { benchCatalog } from './catalog.mjs';
import { benchCold } from './cold.mjs';
import { benchFlow } from './flow.mjs';
import { benchIdle } from './idle.mjs';
import { benchNoisy } from './noisy.mjs';
import { benchResolve } from './resolve.mjs';
import { benchRun } from './run.mjs';
import { table } from './table.mjs';

const entries = {
  run: benchRun,
  cold: benchCold,
  flow: benchFlow,
  noisy: benchNoisy,
  idle: benchIdle,
  catalog: benchCatalog,
  resolve: benchResolve,
  auth: benchAuth,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '32' },
    installations: { type: 'string', default: '1000' },
    // Downloads it, once: more than the rest of the repository together.
    deno: { type: 'boolean', default: false },
  },
});

const settings = {
  rounds: number('rounds', 1, 1000),
  seconds: number('seconds', 0.1, 600),
  connections: number('connections', 1, 1000),
  installations: number('installations', 2, 10_000),
  withDeno: values.deno,
  say: (line) => process.stderr.write(`${line}\n`),
};
for (const name of positionals.length > 0 ? positionals : Object.keys(entries)) {
  const bench = entries[name];
  if (bench === undefined) fail(`No bench is called ${name}: there is ${Object.keys(entries).join(', ')}.`);
  const report = await bench(settings);
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : table(report));
}

function number(name, min, max) {
  const value = Number(values[name]);
  if (!(value >= min && value <= max)) fail(`--${name} must be a number from ${min} to ${max}.`);
  return value;
}

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exit(64);
}
