import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import workerd from 'workerd';

const config = `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "loader", esModule = embed "loader.mjs")],
  compatibilityDate = "${workerd.compatibilityDate}",
  compatibilityFlags = ["experimental"],
  bindings = [(name = "LOADER", workerLoader = (id = "bench"))],
);
`;

const loader = (source) => `const code = {
  compatibilityDate: '${workerd.compatibilityDate}',
  mainModule: 'main.js',
  modules: { 'main.js': ${JSON.stringify(source)} },
};
export default {
  fetch(request, env) {
    const [, name] = new URL(request.url).pathname.split('/');
    return env.LOADER.get(name, () => code).getEntrypoint().fetch(request);
  },
};`;

/** workerd with a worker that makes another one of the source, in an isolate of its own, for each first path segment. */
export async function startWorkerdLoader(source) {
  const folder = await mkdtemp(join(tmpdir(), 'proxylet-bench-workerd-'));
  await writeFile(join(folder, 'config.capnp'), config);
  await writeFile(join(folder, 'loader.mjs'), loader(source));
  const args = ['serve', '--experimental', '--control-fd=3', join(folder, 'config.capnp')];
  const child = spawn(workerd.default, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  return {
    name: 'workerd',
    host: '127.0.0.1',
    port: await portOf(child.stdio[3]),
    agent: new Agent({ keepAlive: true, maxSockets: 1 }),
    headers: {},
    path: (turn) => `/w${turn}/items?q=7`,
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function portOf(stream) {
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    const match = /"event":"listen".*?"port":(\d+)/.exec(text);
    if (match !== null) return Number(match[1]);
  }
  throw new Error('workerd did not tell its port');
}
