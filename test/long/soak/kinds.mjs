import { createHash, randomBytes, randomInt } from 'node:crypto';

/**
 * What the guests of a soak do, and how each answer is checked. A kind has the source of a version, what its
 * manifest asks for, and `call(send, installation)`, which tells what was wrong, or undefined. `send` gives the
 * answer, or undefined where the loss of a runner explains that there is none.
 */
export const kinds = {
  json: {
    source: (version) => `export default {
  fetch(request, env, ctx) {
    const n = new URL(request.url).searchParams.get('n');
    return Response.json({ n, version: ${JSON.stringify(version)}, name: ctx.installation.name, user: ctx.user.subject });
  },
};`,
    async call(send, installation) {
      const n = String(randomInt(1e9));
      const { versions } = installation;
      const answer = await send('GET', `/items?n=${n}`);
      return answer && wrongJson(answer, { n, name: installation.name }, versions, installation);
    },
  },

  echo: {
    source: () => `export default {
  async fetch(request) {
    if (new URL(request.url).pathname === '/stream') return new Response(request.body);
    return new Response(await request.arrayBuffer());
  },
};`,
    async call(send) {
      const body = randomBytes(randomInt(8) === 0 ? randomInt(600_000) : randomInt(4000));
      const answer = await send('POST', randomInt(2) === 0 ? '/stream' : '/whole', { body });
      return answer && wrongBytes(answer, body);
    },
  },

  stream: {
    source: () => `export default {
  fetch(request) {
    const { searchParams } = new URL(request.url);
    const chunks = Number(searchParams.get('chunks'));
    let index = 0;
    return new Response(new ReadableStream({
      pull(controller) {
        if (index === chunks) return controller.close();
        controller.enqueue(new Uint8Array(16384).fill(index % 251));
        index += 1;
      },
    }));
  },
};`,
    async call(send) {
      const chunks = randomInt(1, 40);
      if (randomInt(4) === 0) {
        await send('GET', '/?chunks=4000', { leaveAfterBytes: randomInt(1, 200_000) });
        return undefined;
      }
      const answer = await send('GET', `/?chunks=${chunks}`);
      const whole = Buffer.concat(Array.from({ length: chunks }, (_, i) => Buffer.alloc(16_384, i % 251)));
      return answer && wrongBytes(answer, whole);
    },
  },

  kv: {
    manifest: { capabilities: ['kv'] },
    source: () => `export default {
  async fetch(request, env) {
    for (;;) {
      const { value, version } = await env.KV.getWithVersion('count', { type: 'json' });
      if (request.method === 'GET') return Response.json({ count: value ?? 0 });
      const count = (value ?? 0) + 1;
      if ((await env.KV.put('count', JSON.stringify(count), { ifVersion: version })) !== null) return Response.json({ count });
    }
  },
};`,
    async call(send, installation) {
      installation.sent += 1;
      const answer = await send('POST', '/');
      if (answer === undefined) return undefined;
      const { count } = answer.status === 200 ? JSON.parse(answer.body.toString()) : {};
      if (!Number.isInteger(count)) return wrong(answer);
      if (installation.counts.has(count)) return `the count ${count} was given twice`;
      installation.counts.add(count);
      return undefined;
    },
    /** What was acknowledged is there, and no more than was asked for. */
    async atEnd(send, { sent, counts }) {
      const answer = await send('GET', '/');
      if (answer?.status !== 200) return answer && wrong(answer);
      const { count } = JSON.parse(answer.body.toString());
      if (count >= counts.size && count <= sent) return undefined;
      return `the count is ${count} after ${counts.size} acknowledged of ${sent}`;
    },
  },

  /** What `caller` depends on: a version of its own is never asked for, or every change would bring the newest. */
  inner: {
    isFixed: true,
    source: () => `export default {
  fetch(request, env, ctx) {
    const n = new URL(request.url).searchParams.get('n');
    return Response.json({ n, name: ctx.installation.name, user: ctx.user.subject });
  },
};`,
    async call(send, installation) {
      const n = String(randomInt(1e9));
      const answer = await send('GET', `/?n=${n}`);
      return answer && wrongJson(answer, { n, name: installation.name }, undefined, installation);
    },
  },

  caller: {
    dependsOn: 'inner',
    source: () => `export default {
  async fetch(request, env) {
    const answer = await env.INNER.fetch(new Request('https://inner/items' + new URL(request.url).search));
    return Response.json({ inner: await answer.json() });
  },
};`,
    async call(send, installation) {
      const n = String(randomInt(1e9));
      const answer = await send('GET', `/?n=${n}`);
      if (answer?.status !== 200) return answer && wrong(answer);
      const { inner } = JSON.parse(answer.body.toString());
      const name = installation.name.replace('/caller', '/inner');
      return inner?.n === n && inner.name === name && inner.user === installation.subject
        ? undefined
        : wrong(answer);
    },
  },

  /** Installed and removed all the time: there or not there, and nothing in between. */
  scratch: {
    isApart: true,
    source: () => `export default { fetch: () => new Response('scratch') };`,
    async call(send, installation) {
      const { mayBe } = installation;
      const answer = await send('GET', '/');
      if (answer === undefined) return undefined;
      const isThere = answer.status === 200 && answer.body.toString() === 'scratch';
      const isAbsent = answer.status === 404 && answer.body.includes('"not-installed"');
      if (isThere ? mayBe.has('there') : isAbsent && mayBe.has('absent')) return undefined;
      return `${wrong(answer)} where it may be ${[...mayBe].join(' or ')}`;
    },
  },

  hostile: {
    isApart: true,
    isFixed: true,
    manifest: { limits: { memoryMb: 32, cpuMs: 50, timeoutMs: 10_000 } },
    source: () => `export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/spin') for (;;);
    if (pathname === '/throw') throw new Error('no');
    const held = [];
    for (;;) held.push(new Array(1000).fill(held.length));
  },
};`,
    async call(send) {
      const [path, ...codes] = harms[randomInt(harms.length)];
      const answer = await send('GET', path);
      if (answer === undefined) return undefined;
      const { code } = answer.status >= 500 ? JSON.parse(answer.body.toString()) : {};
      return codes.includes(code) ? undefined : wrong(answer);
    },
  },
};

/** Codes of what another call of it may do to one: end its isolate, its process, its share of the CPU, or itself. */
const ofOthers = ['runner-lost', 'memory-limit', 'cpu-limit', 'cpu-rate-limit', 'proxylet-quarantined'];

/** Path of the harm, and the codes that answer it. */
const harms = [
  ['/spin', ...ofOthers],
  ['/throw', 'proxylet-threw', ...ofOthers],
  ['/grow', ...ofOthers],
];

function wrongJson(answer, wanted, versions, { subject }) {
  if (answer.status !== 200) return wrong(answer);
  const { version, user, ...rest } = JSON.parse(answer.body.toString());
  const isWanted = rest.n === wanted.n && rest.name === wanted.name && user === subject;
  if (!isWanted || versions === undefined) return isWanted ? undefined : wrong(answer);
  return versions.has(version) ? undefined : `${wrong(answer)}, not ${[...versions].join(' or ')}`;
}

function wrongBytes(answer, wanted) {
  if (answer.status !== 200) return wrong(answer);
  if (answer.body.equals(wanted)) return undefined;
  return `${answer.body.length} bytes of ${digest(answer.body)} in place of ${wanted.length} of ${digest(wanted)}`;
}

function wrong({ status, body }) {
  return `${status} ${body.toString('latin1').slice(0, 300)}`;
}

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 8);
}
