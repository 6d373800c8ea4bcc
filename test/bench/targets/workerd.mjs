import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import workerd from 'workerd';

const config = `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "handler", esModule = embed "handler.mjs")],
  compatibilityDate = "${workerd.compatibilityDate}",
);
`;

/** workerd with the same handler as a module worker, one socket, nothing else configured. */
export async function startWorkerd() {
  const folder = await mkdtemp(join(tmpdir(), 'proxylet-bench-workerd-'));
  await writeFile(join(folder, 'config.capnp'), config);
  await copyFile(fileURLToPath(new URL('handler.mjs', import.meta.url)), join(folder, 'handler.mjs'));
  const child = spawn(workerd.default, ['serve', '--control-fd=3', join(folder, 'config.capnp')], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const port = await Promise.race([portOf(child.stdio[3]), failure(child)]);
  return {
    name: 'workerd',
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
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** workerd tells the port it got as a line of JSON. */
async function portOf(stream) {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    const match = /"event":"listen".*?"port":(\d+)/.exec(text);
    if (match !== null) return Number(match[1]);
  }
  throw new Error('workerd did not tell its port');
}

async function failure(child) {
  const [code] = await once(child, 'exit');
  throw new Error(`workerd ended with exit code ${code}`);
}
