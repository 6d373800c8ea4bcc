import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readAll, request, SandboxFixture } from '../../test/sandbox-fixture.js';
import type { OutboundRequest, OutboundResponse } from '../types.js';

/** An isolate of 8 MB holds none of the bodies below: what comes through whole was never in it. */
const small = { limits: { memoryMb: 8, bodyBytes: 200e6 } };
const megabyte = Buffer.alloc(1024 * 1024, 'proxylet ');
const bodyMb = 64;

let sut: SandboxFixture;
let upstream: (request: OutboundRequest, signal: AbortSignal) => Promise<OutboundResponse>;

beforeAll(async () => {
  sut = await SandboxFixture.start({
    fetch: (_, outbound, signal) => upstream(outbound, signal),
    call: (_, name, outbound, __, signal) => upstream({ ...outbound, url: name }, signal),
  });
});
afterAll(() => sut[Symbol.asyncDispose]());
beforeEach(() => {
  upstream = () => Promise.resolve(streamed(endless(bodyMb)));
});

function endless(chunks: number): Readable {
  return Readable.from(
    (function* parts() {
      for (let i = 0; i < chunks; i += 1) yield megabyte;
    })(),
    { objectMode: false },
  );
}

function streamed(body: Readable, bodyBytes?: number): OutboundResponse {
  return {
    status: 200,
    statusText: '',
    url: 'http://up/',
    redirected: false,
    headers: ['x-up', '1'],
    body,
    bodyBytes,
  };
}

async function bytesOf(body: Uint8Array | Readable | undefined): Promise<number> {
  if (body === undefined || body instanceof Uint8Array) return body?.length ?? 0;
  let bytes = 0;
  for await (const chunk of body) bytes += (chunk as Buffer).length;
  return bytes;
}

describe('bodies that the guest does not look at', () => {
  it.each([
    ['the answer of a fetch', `return fetch('http://up/')`],
    ['its body in another answer', `const r = await fetch('http://up/'); return new Response(r.body, r)`],
    ["a dependency's answer", `return env.EXIF.fetch('http://x/')`],
    ['the request, echoed', `return new Response(request.body)`],
  ])('pass by: %s', async (_, body) => {
    const guest = sut.handler(body, small);
    const answer = await sut.host.invoke(guest, request({ method: 'POST', body: endless(bodyMb) }));
    expect(await bytesOf(answer.body)).toBe(bodyMb * megabyte.length);
  });

  it.each([
    ['fetch', `return fetch('http://up/', request)`],
    ['a dependency', `return env.EXIF.fetch(request)`],
    [
      'another fetch',
      `const r = await fetch('http://up/first'); return fetch('http://up/', { method: 'PUT', body: r.body })`,
    ],
  ])('reach %s and come back', async (_, body) => {
    upstream = async (outbound) =>
      outbound.url.endsWith('first')
        ? streamed(endless(bodyMb))
        : streamed(outbound.body as Readable, outbound.bodyBytes);
    const guest = sut.handler(body, small);
    const answer = await sut.host.invoke(
      guest,
      request({ method: 'POST', body: endless(bodyMb), bodyBytes: bodyMb * megabyte.length }),
    );
    expect(await bytesOf(answer.body)).toBe(bodyMb * megabyte.length);
  });

  it('keep the length that was stated', async () => {
    upstream = () => Promise.resolve(streamed(endless(1), megabyte.length));
    const answer = await sut.host.invoke(sut.handler(`return fetch('http://up/')`), request());
    expect(answer.bodyBytes).toBe(megabyte.length);
    expect(await bytesOf(answer.body)).toBe(megabyte.length);
  });

  it('count as read, and cannot be read again', async () => {
    const guest = sut.handler(
      `
      const r = await fetch('http://up/');
      const again = new Response(r.body);
      ctx.waitUntil((async () => { await new Promise((done) => setTimeout(done)); console.log([r.bodyUsed, r.body.locked, await r.text().catch((e) => e.name)].join()); })());
      return again;`,
      small,
    );
    const answer = await sut.host.invoke(guest, request());
    await bytesOf(answer.body);
    await expect.poll(() => sut.logs.map(({ text }) => text)).toContain('true,true,TypeError');
  });

  it('can be cloned: both are whole', async () => {
    upstream = () => Promise.resolve(streamed(Readable.from([Buffer.from('one '), Buffer.from('two')])));
    const code = `const r = await fetch('http://up/'); const copy = r.clone(); return new Response((await copy.text()) + '|' + (await r.text()))`;
    expect(await sut.text(code)).toBe('one two|one two');
  });

  it('of which a part was read go on through the guest', async () => {
    upstream = () => Promise.resolve(streamed(Readable.from([Buffer.from('one '), Buffer.from('two')])));
    const code = `
      const { body } = await fetch('http://up/');
      for await (const chunk of body.values({ preventCancel: true })) break;
      return new Response(body);`;
    expect(await sut.text(code)).toBe('two');
  });

  it('are under the cap of the installation', async () => {
    const guest = sut.handler(`return fetch('http://up/')`, { limits: { bodyBytes: 1_500_000 } });
    const answer = await sut.host.invoke(guest, request());
    await expect(bytesOf(answer.body)).rejects.toMatchObject({ code: 'response-too-large' });
  });

  it('break off where their source does, and the isolate goes on', async () => {
    upstream = () => {
      const body = new PassThrough();
      body.write(megabyte);
      body.once('resume', () => setImmediate(() => body.destroy(new Error('reset'))));
      return Promise.resolve(streamed(body));
    };
    const guest = sut.handler(
      `return new URL(request.url).pathname === '/ok' ? new Response('ok') : fetch('http://up/')`,
    );
    const answer = await sut.host.invoke(guest, request());
    await expect(bytesOf(answer.body)).rejects.toThrow();
    expect((await sut.call(guest, { url: 'http://engine.example/ok' })).text).toBe('ok');
  });

  it('end with the signal that the guest gave to fetch', async () => {
    const source = new PassThrough();
    source.write('first');
    upstream = (_, signal) => {
      signal.addEventListener('abort', () => source.destroy(new Error('aborted')));
      return Promise.resolve(streamed(source));
    };
    const answer = await sut.host.invoke(
      sut.handler(`return fetch('http://up/', { signal: AbortSignal.timeout(50) })`),
      request(),
    );
    await expect(readAll(answer.body)).rejects.toThrow();
    expect(source.destroyed).toBe(true);
  });

  it('end at the source when the reader goes away', async () => {
    const source = endless(bodyMb);
    upstream = () => Promise.resolve(streamed(source));
    const answer = await sut.host.invoke(sut.handler(`return fetch('http://up/')`), request());
    (answer.body as Readable).once('data', () => (answer.body as Readable).destroy());
    await expect.poll(() => source.destroyed).toBe(true);
  });

  it('leave nothing open behind them', async () => {
    const guest = sut.handler(
      `
      globalThis.left ??= 0;
      if (new URL(request.url).pathname === '/left') return new Response(String(globalThis.left));
      ctx.waitUntil(Promise.resolve());
      request.signal.addEventListener('abort', () => { globalThis.left += 1; });
      return fetch('http://up/');`,
      small,
    );
    await bytesOf((await sut.host.invoke(guest, request())).body);
    await expect.poll(() => sut.host.runners().reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(0);
    expect((await sut.call(guest, { url: 'http://engine.example/left' })).text).toBe('0');
  });
});

describe('a body that the guest makes as it goes', () => {
  const parts = `new ReadableStream({ pull(c) { this.n = (this.n ?? 0) + 1; c.enqueue(new Uint8Array(100_000).fill(this.n)); if (this.n === 40) c.close(); } })`;

  it('streams out under back-pressure', async () => {
    const taken: number[] = [];
    upstream = async (outbound) => {
      for await (const chunk of outbound.body as Readable) taken.push((chunk as Buffer).length);
      return streamed(Readable.from([Buffer.from(String(taken.reduce((a, b) => a + b, 0)))]));
    };
    expect(await sut.text(`return fetch('http://up/', { method: 'POST', body: ${parts} })`)).toBe('4000000');
    expect(taken.length).toBeGreaterThan(10);
  });

  it('is stopped when the other end has enough', async () => {
    upstream = (outbound) => {
      (outbound.body as Readable).destroy();
      return Promise.resolve({ ...streamed(Readable.from([])), body: Buffer.from('enough') });
    };
    const code = `
      let cancelled = false;
      const body = new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(1000)); }, cancel() { cancelled = true; } });
      const answer = await fetch('http://up/', { method: 'POST', body });
      await new Promise((done) => setTimeout(done, 20));
      return new Response([await answer.text(), cancelled].join());`;
    expect(await sut.text(code)).toBe('enough,true');
  });

  it('that fails rejects the fetch with what it failed with, and ends the request', async () => {
    let sent: Readable | undefined;
    upstream = (outbound) => {
      sent = outbound.body as Readable;
      sent.resume();
      return new Promise(() => undefined);
    };
    const code = `
      const body = new ReadableStream({ async pull(c) { await 0; c.error(new RangeError('no more')); } });
      return new Response(await fetch('http://up/', { method: 'POST', body }).catch((e) => e.name + ': ' + e.message));`;
    expect(await sut.text(code)).toBe('RangeError: no more');
    await expect.poll(() => sent?.destroyed).toBe(true);
  });

  it('is under the cap of the installation', async () => {
    upstream = async (outbound) => {
      for await (const chunk of outbound.body as Readable) void chunk;
      return streamed(Readable.from([]));
    };
    const code = `return new Response(await fetch('http://up/', { method: 'POST', body: ${parts} }).catch((e) => e.message))`;
    const guest = sut.handler(code, { limits: { bodyBytes: 1_000_000 } });
    expect((await sut.call(guest)).text).toBe('fetch refused: the body has more than 1000000 bytes.');
  });
});
