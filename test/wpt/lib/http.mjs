import { startTestStack } from '@proxylet/testing';
import { startFileServer } from './file-server.mjs';
import { moduleOf } from './tests.mjs';

const name = 'wpt/run';
const limits = { memoryMb: 256, cpuMs: 30_000, timeoutMs: 60_000 };

/**
 * A whole stack: each test is a version of one proxylet, published, installed, and called over HTTP. Its `fetch` goes
 * through the engine's guard to a server of the files, whose origin an admin has opened to it.
 */
export async function startHttp() {
  const files = await startFileServer();
  const stack = await startTestStack();
  const { origin } = files;
  const url = `${stack.engine.url}/v1/admin/egress`;
  await stack.send('PUT', url, 'adam', 'engine', { origin, proxylets: [name] });
  let count = 0;
  return {
    async run(path, query) {
      count += 1;
      const version = `1.0.${count}`;
      try {
        const manifest = { capabilities: ['wasm'], limits };
        await stack.deploy('alice', { name, version, source: moduleOf(path, query, origin), manifest });
        const answer = await stack.run('alice', name);
        const text = await answer.text();
        if (answer.status === 200) return JSON.parse(text);
        return { rows: [], status: 1, message: `${answer.status} ${text.slice(0, 300)}` };
      } catch (error) {
        return { rows: [], status: 1, message: String(error.message).slice(0, 300) };
      }
    },
    async [Symbol.asyncDispose]() {
      await stack[Symbol.asyncDispose]();
      await files[Symbol.asyncDispose]();
    },
  };
}
