import { childrenOf, residentBytes, startTestStack } from '@proxylet/testing';
import { startWorkerdWith } from './targets/workerd-process.mjs';

const users = ['alice', 'bob', 'paula', 'adam'];
const atOnce = 8;
/** What has just been done is still being tidied up: collected, written, closed. */
const settleMs = { most: 2000, each: 20 };

const source = (text) => `export default {
  fetch(request) {
    const url = new URL(request.url);
    return Response.json({ path: url.pathname, q: url.searchParams.get('q'), from: ${JSON.stringify(text)} });
  },
};`;

/**
 * Memory of installations that were each called once and then left alone: resident MB each, beyond that of the same
 * servers with one. All are of one namespace and so in one runner; workerd has them all in its process.
 */
export async function benchIdle({ installations, say }) {
  const servers = {};
  for (const [name, start] of Object.entries({ proxylet: ours, workerd: theirs })) {
    const { before, loaded, called, details } = await start(installations, say);
    const each = (bytes) => (bytes - before) / 1024 / 1024 / (installations - 1);
    servers[name] = { loadedMbEach: each(loaded), calledMbEach: each(called), ...details };
    say(`${name}: ${servers[name].calledMbEach.toFixed(2)} MB each`);
  }
  return { bench: 'idle', settings: { installations }, servers, goal: { calledMbEach: 1.5 } };
}

async function ours(count, say) {
  const stack = await startTestStack({ engine: { PROXYLET_ENGINE_RUNNER_MEMORY_MB: '16384' } });
  try {
    const { pid } = stack.engine;
    const total = () => [pid, ...childrenOf(pid)].reduce((sum, one) => sum + (residentBytes(one) ?? 0), 0);
    const places = Array.from({ length: count }, (_, i) => [
      users[i % users.length],
      `idle/p${Math.floor(i / users.length)}`,
    ]);
    const call = async ([user, name]) => {
      const answer = await stack.run(user, name, '/a?q=1');
      if (answer.status !== 200) throw new Error(`${name} answered ${answer.status}: ${await answer.text()}`);
      await answer.arrayBuffer();
    };
    await eachOf(range(Math.ceil(count / users.length)), (i) =>
      stack.publish({ name: `idle/p${i}`, source: source(`p${i}`) }),
    );
    say(`${Math.ceil(count / users.length)} proxylets published`);
    await stack.install(...places[0]);
    await call(places[0]);
    await settled(count);
    const before = total();
    await eachOf(places.slice(1), ([user, name]) => stack.install(user, name));
    say(`${count} installed`);
    await settled(count);
    const loaded = total();
    await eachOf(places, call);
    await settled(count);
    return { before, loaded, called: total(), details: { isolates: await isolatesOf(stack) } };
  } finally {
    await stack[Symbol.asyncDispose]();
  }
}

/** How many of them are in memory at the end: the engine may have dropped some. */
async function isolatesOf(stack) {
  const { items } = await stack.send('GET', `${stack.engine.url}/v1/admin/runners`, 'adam', 'engine');
  return items.reduce((sum, { isolates }) => sum + isolates, 0);
}

async function theirs(count) {
  const workers = range(count).map((i) => ({ name: `w${i}`, source: source(`w${i}`) }));
  const router = {
    name: 'router',
    router: true,
    socket: true,
    source:
      'export default { fetch: (request, env) => env[new URL(request.url).pathname.slice(1)].fetch(request) };',
  };
  const measure = async (some) => {
    const { pid, ports, stop } = await startWorkerdWith([router, ...some]);
    try {
      await settled(count);
      const loaded = residentBytes(pid);
      await eachOf(some, async ({ name }) => {
        const answer = await fetch(`http://127.0.0.1:${ports.router}/${name.toUpperCase()}?q=1`);
        if (answer.status !== 200) throw new Error(`${name} answered ${answer.status}`);
        await answer.arrayBuffer();
      });
      await settled(count);
      return { loaded, called: residentBytes(pid) };
    } finally {
      await stop();
    }
  };
  const one = await measure(workers.slice(0, 1));
  const all = await measure(workers);
  return { before: one.called, ...all, details: { isolates: count } };
}

async function eachOf(list, work) {
  const queue = [...list];
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await work(next);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

function range(count) {
  return Array.from({ length: count }, (_, i) => i);
}

function settled(count) {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.min(settleMs.most, settleMs.each * count));
  });
}
