import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed } from './on-demand.mjs';

const version = '2.9.6';

/** The same handler under `Deno.serve`, allowed nothing but to read its file and to listen. */
export async function startDeno({ say }) {
  const home = await installed('deno', version, say);
  const server = fileURLToPath(new URL('deno-serve.mjs', import.meta.url));
  const allow = ['--allow-net=127.0.0.1', '--no-prompt', '--cached-only'];
  const child = spawn(binaryIn(home), ['run', ...allow, server], { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await Promise.race([portOf(child.stdout), failure(child)]);
  return {
    name: 'deno',
    host: '127.0.0.1',
    port,
    path: '/items?q=7',
    headers: {},
    expected: { path: '/items', q: '7' },
    pids: () => [child.pid],
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill();
      await exited;
    },
  };
}

/** The package's own script would link it; the program lies in the package of the platform. */
function binaryIn(home) {
  const libc = process.platform === 'linux' ? '-glibc' : '';
  const file = process.platform === 'win32' ? 'deno.exe' : 'deno';
  const path = join(home, 'node_modules/@deno', `${process.platform}-${process.arch}${libc}`, file);
  if (!existsSync(path)) throw new Error(`There is no deno for this platform at ${path}`);
  return path;
}

async function portOf(stream) {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    const match = /^port (\d+)$/m.exec(text);
    if (match !== null) return Number(match[1]);
  }
  throw new Error('deno did not tell its port');
}

async function failure(child) {
  const [code] = await once(child, 'exit');
  throw new Error(`deno ended with exit code ${code}`);
}
