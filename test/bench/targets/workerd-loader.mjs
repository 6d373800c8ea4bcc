import { Agent } from 'node:http';
import workerd from 'workerd';
import { startWorkerdWith } from './workerd-process.mjs';

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
  const { ports, stop } = await startWorkerdWith([
    { name: 'loader', source: loader(source), socket: true, isLoader: true },
  ]);
  return {
    name: 'workerd',
    host: '127.0.0.1',
    port: ports.loader,
    agent: new Agent({ keepAlive: true, maxSockets: 1 }),
    headers: {},
    path: (turn) => `/w${turn}/items?q=7`,
    stop,
  };
}
