import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import workerd from 'workerd';

/**
 * workerd with module workers, each on a socket of its own where its `socket` is true, and with bindings to the
 * others by upper-case names where it is a `router`; it reaches public addresses, and private ones where it may. A
 * loader can make workers of sources, as `env.LOADER`.
 *
 * @param workers `{ name, source, socket?, router?, mayReachPrivate?, isLoader? }` each
 */
export async function startWorkerdWith(workers) {
  const folder = await mkdtemp(join(tmpdir(), 'proxylet-bench-workerd-'));
  await writeFile(join(folder, 'config.capnp'), configOf(workers));
  for (const { name, source } of workers) await writeFile(join(folder, `${name}.mjs`), source);
  const flags = workers.some(({ isLoader }) => isLoader === true) ? ['--experimental'] : [];
  const child = spawn(workerd.default, ['serve', ...flags, '--control-fd=3', join(folder, 'config.capnp')], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
  });
  const wanted = workers.filter(({ socket }) => socket === true).length;
  const ports = await Promise.race([portsOf(child.stdio[3], wanted), failure(child)]);
  return {
    pid: child.pid,
    ports,
    stop: async () => {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configOf(workers) {
  const others = workers.filter(({ router }) => router !== true);
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "anywhere", network = (allow = ["public", "private"])),
    ${workers.map(({ name }) => `(name = "${name}", worker = .${name})`).join(', ')}
  ],
  sockets = [${workers
    .filter(({ socket }) => socket === true)
    .map(({ name }) => `(name = "${name}", address = "127.0.0.1:0", http = (), service = "${name}")`)
    .join(', ')}],
);

${workers.map((worker) => workerOf(worker, others)).join('\n')}`;
}

function workerOf({ name, router, mayReachPrivate, isLoader }, others) {
  const bindings = [
    ...(router === true
      ? others.map((one) => `(name = "${one.name.toUpperCase()}", service = "${one.name}")`)
      : []),
    ...(isLoader === true ? ['(name = "LOADER", workerLoader = (id = "bench"))'] : []),
  ];
  const more = [
    ...(mayReachPrivate === true ? ['globalOutbound = "anywhere"'] : []),
    ...(isLoader === true ? ['compatibilityFlags = ["experimental"]'] : []),
    ...(bindings.length > 0 ? [`bindings = [${bindings.join(', ')}]`] : []),
  ];
  return `const ${name} :Workerd.Worker = (
  modules = [(name = "${name}", esModule = embed "${name}.mjs")],
  compatibilityDate = "${workerd.compatibilityDate}",
${more.map((line) => `  ${line},\n`).join('')});
`;
}

/** workerd tells each port it got as a line of JSON; by the socket's name. */
async function portsOf(stream, wanted) {
  const ports = {};
  let text = '';
  for await (const chunk of stream) {
    text += chunk;
    for (const line of text.split('\n')) {
      if (!line.startsWith('{') || !line.endsWith('}')) continue;
      const { event, socket, port } = JSON.parse(line);
      if (event === 'listen') ports[socket] = port;
    }
    if (Object.keys(ports).length === wanted) return ports;
  }
  throw new Error('workerd did not tell its ports');
}

async function failure(child) {
  const [code] = await once(child, 'exit');
  throw new Error(`workerd ended with exit code ${code}`);
}
