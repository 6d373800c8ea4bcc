import { join } from 'node:path';
import { runNode } from './command.mjs';
import { root } from './paths.mjs';
import { say } from './report.mjs';

const bin = (path) => join(root, 'node_modules', path);

/** The static gate: each step is a name and what Node runs for it. The build before it has checked the sources' types. */
const steps = [
  { name: 'types of specs and tests', command: [bin('typescript-native/bin/tsc'), '-p', 'tsconfig.json'] },
  {
    name: 'types of the guest prelude',
    command: [bin('typescript-native/bin/tsc'), '-p', 'libs/sandbox/guest/tsconfig.json'],
  },
  { name: 'lint and import rules', command: [bin('oxlint/bin/oxlint'), '--deny-warnings'] },
  { name: 'format', command: [bin('@biomejs/biome/bin/biome'), 'format', '.'] },
  {
    name: 'declared dependencies',
    command: [bin('knip/bin/knip.js'), '--no-progress', '--treat-config-hints-as-errors'],
  },
  { name: 'generated files in step', command: [join(root, 'scripts/generate.mjs'), '--check'] },
];

/** Runs every step, shows what the failing ones say, and gives how many passed and failed. */
export async function check() {
  const codes = await Promise.all(steps.map(runStep));
  const failed = codes.filter((code) => code !== 0).length;
  return { passed: codes.length - failed, failed };
}

async function runStep({ name, command }) {
  const { code, text } = await runNode(command, { output: 'hold' });
  if (code !== 0) say(text.trimEnd());
  say(`${code === 0 ? 'ok    ' : 'FAILED'} ${name}`);
  return code;
}
