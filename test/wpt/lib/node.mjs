import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { wptFolder } from './files.mjs';
import { moduleOf } from './tests.mjs';

const child = fileURLToPath(new URL('node-child.mjs', import.meta.url));

/** The same module on this Node itself, in a process of its own: what the reference column counts. */
export function startNode() {
  const folder = mkdtempSync(join(tmpdir(), 'wpt-node-'));
  let count = 0;
  return {
    async run(path, query) {
      count += 1;
      const file = join(folder, `test-${count}.mjs`);
      writeFileSync(file, moduleOf(path, query));
      const output = await outputOf([child, file, wptFolder]);
      try {
        return JSON.parse(output);
      } catch {
        return { rows: [], status: 1, message: 'the process ended without an answer' };
      }
    },
    [Symbol.asyncDispose]: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  };
}

function outputOf(args) {
  return new Promise((resolve, reject) => {
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 60_000 });
    const chunks = [];
    started.stdout.on('data', (chunk) => chunks.push(chunk));
    started.on('error', reject);
    started.on('close', () => resolve(Buffer.concat(chunks).toString('utf8')));
  });
}
