import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { until } from '@proxylet/testing';
import { describe, expect, it } from 'vitest';
import { useStack } from '../support/use-stack.js';

const upper = `export default {
  fetch(request) {
    const decoder = new TextDecoder();
    const encoder = new TextEncoder();
    const shout = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(encoder.encode(decoder.decode(chunk, { stream: true }).toUpperCase()));
      },
    });
    return new Response(request.body.pipeThrough(shout), { headers: { 'content-type': 'text/plain' } });
  },
};`;

/**
 * Three proxylets that never end by themselves. /state tells how far they are: the drip produces little by little,
 * the flood as fast as it is taken, the mute one never answers.
 */
const endless = `const states = {};
const stateOf = (kind) => (states[kind] ??= { started: 0, produced: 0, cancelled: 0, aborted: 0 });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default {
  async fetch(request) {
    const url = new URL(request.url);
    const kind = url.pathname.slice(1);
    if (kind === 'state') return Response.json(stateOf(url.searchParams.get('of')));
    const state = stateOf(kind);
    state.started += 1;
    request.signal.addEventListener('abort', () => { state.aborted += 1; });
    if (kind === 'mute') {
      for (;;) {
        await pause(10);
        state.produced += 1;
      }
    }
    return new Response(new ReadableStream({
      async pull(controller) {
        if (kind === 'drip') await pause(2);
        state.produced += 1;
        controller.enqueue(new Uint8Array(kind === 'drip' ? 1024 : 64 * 1024));
      },
      cancel() { state.cancelled += 1; },
    }));
  },
};`;

/** The second event is sent only after somebody called /release, so that an answer held back would never end. */
const events = `let isReleased = false;
export default {
  fetch(request) {
    if (new URL(request.url).pathname === '/release') {
      isReleased = true;
      return new Response('released');
    }
    const encoder = new TextEncoder();
    return new Response(new ReadableStream({
      async start(controller) {
        controller.enqueue(encoder.encode('data: first\\n\\n'));
        while (!isReleased) await new Promise((resolve) => setTimeout(resolve, 10));
        controller.enqueue(encoder.encode('data: second\\n\\n'));
        controller.close();
      },
    }), { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' } });
  },
};`;

const counting = `export default {
  async fetch(request) {
    let bytes = 0;
    for await (const chunk of request.body) bytes += chunk.byteLength;
    return new Response(String(bytes));
  },
};`;

const suite = useStack({}, async (stack) => {
  await stack.deploy('alice', { name: 'flow/upper', source: upper });
  await stack.deploy('alice', { name: 'flow/endless', source: endless });
  await stack.deploy('alice', { name: 'flow/events', source: events });
  await stack.deploy('alice', { name: 'flow/count', source: counting });
  await stack.deploy('bob', {
    name: 'flow/bytes',
    source: 'export default { fetch: (r) => new Response(r.body) };',
  });
});

async function open(path: string, method = 'GET'): Promise<ClientRequest> {
  const { stack } = suite;
  const headers = { authorization: await stack.bearer('alice', 'engine') };
  return request(new URL(`/run/${path}`, stack.engine.url), { method, headers });
}

async function answerOf(sent: ClientRequest): Promise<IncomingMessage> {
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

interface State {
  readonly produced: number;
  readonly cancelled: number;
  readonly aborted: number;
  readonly started: number;
}

async function stateOf(kind: string): Promise<State> {
  const response = await suite.stack.run('alice', 'flow/endless', `/state?of=${kind}`);
  return (await response.json()) as State;
}

/** Waits until two looks, a while apart, see no more produced. */
async function stopped(kind: string): Promise<State> {
  let last = -1;
  return until(
    async () => {
      const state = await stateOf(kind);
      const isStill = state.produced === last;
      last = state.produced;
      return isStill ? state : undefined;
    },
    { what: 'production stops', everyMs: 150 },
  );
}

describe('bodies', () => {
  it('stream both ways at once: each part is answered before the next is sent', async () => {
    const sent = await open('flow/upper/', 'POST');
    sent.write('one');
    const answer = await answerOf(sent);
    const parts = answer.iterator() as AsyncIterator<Buffer>;
    for (const [i, text] of ['ONE', 'TWO', 'THREE'].entries()) {
      expect(String((await parts.next()).value)).toBe(text);
      const next = ['two', 'three'][i];
      if (next === undefined) sent.end();
      else sent.write(next);
    }
    expect((await parts.next()).done).toBe(true);
  });

  it('of megabytes come through whole', async () => {
    const body = Buffer.alloc(20 * 1024 * 1024, 'proxylet ');
    const response = await suite.stack.run('bob', 'flow/bytes', '/', { method: 'POST', body });
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true);
  });

  it('said to be above the cap of the engine are refused before they are sent', async () => {
    const sent = await open('flow/count/', 'POST');
    sent.setHeader('content-length', 64 * 1024 * 1024 + 1);
    sent.flushHeaders();
    const answer = await answerOf(sent);
    expect(answer.statusCode).toBe(413);
    expect(JSON.parse(await text(answer))).toMatchObject({ code: 'body-too-large' });
    sent.destroy();
  });

  it('that grow above the cap are cut off, and the proxylet answers the next call', async () => {
    const sent = await open('flow/count/', 'POST');
    sent.on('error', () => undefined);
    const outcome = Promise.race([answerOf(sent), once(sent, 'close')]);
    const chunk = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 65 && !sent.destroyed; i += 1) {
      await new Promise((resolve) => {
        sent.write(chunk, resolve);
      });
    }
    sent.end();
    const answer = await outcome;
    if (!Array.isArray(answer)) expect(answer.statusCode).toBe(413);
    sent.destroy();
    const next = await suite.stack.run('alice', 'flow/count', '/', { method: 'POST', body: 'four' });
    expect(await next.text()).toBe('4');
  });
});

describe('server-sent events', () => {
  it('arrive as they are produced', async () => {
    const response = await suite.stack.run('alice', 'flow/events');
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader?.read())?.value).toBe('data: first\n\n');
    await suite.stack.run('alice', 'flow/events', '/release');
    expect((await reader?.read())?.value).toBe('data: second\n\n');
    expect((await reader?.read())?.done).toBe(true);
  });
});

describe('a client that goes away', () => {
  it('stops a proxylet that streams for ever', async () => {
    const sent = await open('flow/endless/drip');
    sent.end();
    const answer = await answerOf(sent);
    for await (const chunk of answer) if ((chunk as Buffer).length > 0) break;
    expect((await stateOf('drip')).produced).toBeGreaterThan(0);
    sent.destroy();
    expect(await stopped('drip')).toMatchObject({ started: 1, aborted: 1, cancelled: 1 });
  });

  it('stops a proxylet that has not answered yet, timers included', async () => {
    const sent = await open('flow/endless/mute');
    sent.on('error', () => undefined);
    sent.end();
    await until(async () => (await stateOf('mute')).started > 0, { what: 'the call starts' });
    sent.destroy();
    expect(await stopped('mute')).toMatchObject({ started: 1, aborted: 1 });
  });
});

describe('a client that reads nothing', () => {
  it('holds production back', async () => {
    const sent = await open('flow/endless/flood');
    sent.end();
    (await answerOf(sent)).pause();
    const { produced } = await stopped('flood');
    // Sockets and windows in between take a few megabytes in; the cap of a body, 64 MB, is far away.
    expect(produced * 64).toBeLessThan(32 * 1024);
    sent.destroy();
    expect(await stopped('flood')).toMatchObject({ aborted: 1 });
  });
});
