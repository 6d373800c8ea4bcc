import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { startSandbox } from '@proxylet/sandbox';
import { wptFolder } from './files.mjs';
import { moduleOf } from './tests.mjs';

const limits = { memoryMb: 256, cpuMs: 30_000, timeoutMs: 60_000, bodyBytes: 16 * 1024 * 1024 };
const user = { subject: 'wpt', issuer: 'https://idm.example', roles: [] };

/** The real sandbox, as an engine starts it; `fetch` of its guests reads the files of the tests. */
export async function startGuests() {
  const sandbox = await startSandbox({
    services: {
      fetch: (_, { url, body }) => Promise.resolve(fileAnswer(new URL(url), body)),
      call: () => Promise.reject(new Error('no dependencies here')),
      kv: () => Promise.reject(new Error('no storage here')),
      log: () => undefined,
      breach: () => undefined,
      used: () => undefined,
    },
  });
  let count = 0;
  return {
    async run(path, query) {
      count += 1;
      const guest = guestOf(`wpt-${count}`, moduleOf(path, query));
      try {
        return JSON.parse(await invoke(sandbox, guest));
      } catch (error) {
        return { rows: [], status: 1, message: `${error.code ?? error.name}: ${error.message}` };
      } finally {
        sandbox.evict(guest.id);
      }
    },
    [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose](),
  };
}

function guestOf(id, source) {
  return {
    id,
    group: 'wpt',
    name: `wpt/${id}`,
    version: '1.0.0',
    loadCode: () => Promise.resolve({ source, filename: `${id}.js` }),
    limits,
    bindings: { kv: false, wasm: true, dependencies: {}, config: {}, secrets: {} },
    owner: user,
  };
}

async function invoke(sandbox, guest) {
  const { body } = await sandbox.invoke(guest, {
    method: 'GET',
    url: 'http://engine.example/',
    headers: [],
    body: undefined,
    user,
    signal: new AbortController().signal,
    traceId: '0af7651916cd43dd8448eb211c80319c',
  });
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const chunks = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function fileAnswer(url, sent) {
  const isEcho = url.pathname.endsWith('/echo-content.py');
  const path = join(wptFolder, normalize(decodeURIComponent(url.pathname)));
  const isThere = isEcho || (path.startsWith(wptFolder) && existsSync(path));
  return {
    status: isThere ? 200 : 404,
    statusText: isThere ? 'OK' : 'Not Found',
    url: url.href,
    redirected: false,
    headers: ['content-type', 'application/octet-stream'],
    body: isEcho ? sent : isThere ? readFileSync(path) : undefined,
  };
}
