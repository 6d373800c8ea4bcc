import { readFile } from 'node:fs/promises';
import { startWorkerdWith } from './workerd-process.mjs';

/** workerd with the same handler as a module worker, one socket, nothing else configured. */
export async function startWorkerd() {
  const source = await readFile(new URL('handler.mjs', import.meta.url), 'utf8');
  const { pid, ports, stop } = await startWorkerdWith([{ name: 'handler', source, socket: true }]);
  return {
    name: 'workerd',
    host: '127.0.0.1',
    port: ports.handler,
    path: '/items?q=7',
    headers: {},
    expected: { path: '/items', q: '7' },
    pids: () => [pid],
    stop,
  };
}
