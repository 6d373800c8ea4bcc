// How long an installed proxylet whose isolate is gone takes to its answer, in a runner that is up, with a call every
// `gap` ms: `node test/bench/cold-start.mjs [count] [gap]`. Needs built code; prints one line of JSON, milliseconds.
import { argv, stdout } from 'node:process';
import { performance } from 'node:perf_hooks';
import { startSandbox } from '@proxylet/sandbox';

const count = Number(argv[2] ?? 200);
const gapMs = Number(argv[3] ?? 20);
const user = { subject: 'bench', issuer: 'https://idm.example', roles: [] };
const source = 'export default { fetch: () => Response.json({ hello: "world" }) };';

const sandbox = await startSandbox({
  services: {
    fetch: () => Promise.reject(new Error('no network here')),
    call: () => Promise.reject(new Error('no dependencies here')),
    kv: () => Promise.reject(new Error('no storage here')),
    log: () => undefined,
    breach: () => undefined,
    used: () => undefined,
  },
});

const cold = [];
const warm = [];
for (let index = 0; index < count; index += 1) {
  const guest = guestOf(`guest-${index}`);
  // As installing does.
  await sandbox.warm(guest);
  sandbox.evict(guest.id);
  await new Promise((resolve) => setTimeout(resolve, gapMs));
  const first = await timed(guest);
  const second = await timed(guest);
  sandbox.evict(guest.id);
  // The first ones make the runner and its code cache.
  if (index < 10) continue;
  cold.push(first);
  warm.push(second);
}
const rounded = (value) => Math.round(value * 100) / 100;
const figures = { cold: quantile(cold, 0.5), coldP99: quantile(cold, 0.99), warm: quantile(warm, 0.5) };
await sandbox[Symbol.asyncDispose]();
stdout.write(
  `${JSON.stringify(Object.fromEntries(Object.entries(figures).map(([k, v]) => [k, rounded(v)])))}\n`,
);

function guestOf(id) {
  return {
    id,
    group: 'bench',
    name: `bench/${id}`,
    version: '1.0.0',
    loadCode: () => Promise.resolve({ source, filename: `${id}.js` }),
    limits: { memoryMb: 64, cpuMs: 1000, timeoutMs: 5000, bodyBytes: 1e6 },
    bindings: { kv: false, dependencies: {}, config: {}, secrets: {} },
    owner: user,
  };
}

async function timed(guest) {
  const startedMs = performance.now();
  await sandbox.invoke(guest, {
    method: 'GET',
    url: 'http://engine.example/',
    headers: [],
    body: undefined,
    user,
    signal: new AbortController().signal,
    traceId: '0af7651916cd43dd8448eb211c80319c',
  });
  return performance.now() - startedMs;
}

function quantile(values, at) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * at)];
}
