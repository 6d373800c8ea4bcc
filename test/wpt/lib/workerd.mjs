import { startWorkerdWith } from '../../bench/targets/workerd-process.mjs';
import { startFileServer } from './file-server.mjs';
import { moduleOf } from './tests.mjs';

/** Beyond the harness's own 20 s: what hangs is given up. */
const timeoutMs = 24_000;

/** The same module in workerd, in a process for each test: what its column counts. */
export async function startWorkerd() {
  const files = await startFileServer();
  return {
    run: (path, query) =>
      runIn(moduleOf(path, query, files.origin)).catch((error) => ({
        rows: [],
        status: 1,
        message: String(error.message).slice(0, 300),
      })),
    [Symbol.asyncDispose]: () => files[Symbol.asyncDispose](),
  };
}

async function runIn(source) {
  const worker = { name: 'test', source, socket: true, mayReachPrivate: true };
  const { ports, stop } = await startWorkerdWith([worker]);
  try {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(`http://127.0.0.1:${ports.test}/`, { signal });
    return await answer.json();
  } finally {
    await stop();
  }
}
