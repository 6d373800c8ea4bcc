import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Bare `node:http` in a process of its own. */
export async function startNode() {
  const child = fork(fileURLToPath(new URL('node-http.mjs', import.meta.url)), { serialization: 'json' });
  const [{ port }] = await once(child, 'message');
  return {
    name: 'node:http',
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
