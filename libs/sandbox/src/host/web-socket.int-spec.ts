import type { Problem } from '@proxylet/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request, SandboxFixture } from '../../test/sandbox-fixture.js';
import type { Guest, GuestSocket, SocketClient } from '../types.js';

/** The client's side, as the engine has it. */
class Client implements SocketClient {
  readonly got: (string | number[])[] = [];
  readonly ended: string[] = [];
  isHeldBack = false;
  onWritten: (() => void)[] = [];

  send(data: string | Uint8Array, written: () => void): void {
    this.got.push(typeof data === 'string' ? data : [...data]);
    if (this.isHeldBack) this.onWritten.push(written);
    else written();
  }
  close(code: number, reason: string): void {
    this.ended.push(`${code} ${reason}`);
  }
  resume(): void {
    this.ended.push('resume');
  }
  failed(problem: Problem): void {
    this.ended.push(problem.code);
  }
}

const pair = `const { 0: client, 1: server } = new WebSocketPair(); server.accept();`;
const answer = `return new Response(null, { status: 101, webSocket: client });`;

describe('a WebSocket of a guest', () => {
  let sut: SandboxFixture;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  async function open(guest: Guest): Promise<{ socket: GuestSocket; client: Client }> {
    const { status, webSocket } = await sut.host.invoke(guest, request({ takesWebSocket: true }));
    expect(status).toBe(101);
    const client = new Client();
    webSocket?.attach(client);
    return { socket: webSocket as GuestSocket, client };
  }

  it('carries text and bytes both ways, in order', async () => {
    const guest = sut.handler(`${pair}
      server.send('hello');
      server.addEventListener('message', ({ data }) => {
        if (typeof data === 'string') server.send(data + '!');
        else server.send(new Uint8Array(data).reverse());
      });
      ${answer}`);
    const { socket, client } = await open(guest);
    socket.receive('grüße 🎈');
    socket.receive(new Uint8Array([1, 2, 3]));
    await expect.poll(() => client.got).toEqual(['hello', 'grüße 🎈!', [3, 2, 1]]);
    socket.closed(1000, '');
  });

  it('tells the guest of the end, which may work on for a while', async () => {
    const guest = sut.handler(`${pair}
      server.onclose = ({ code, reason, wasClean }) => {
        console.log(['closed', code, reason, wasClean, server.readyState].join());
        ctx.waitUntil(env.KV.delete('x').then(() => console.log('after')));
      };
      ${answer}`);
    const { socket } = await open(guest);
    socket.closed(3001, 'bye');
    await expect.poll(() => sut.logs.map(({ text }) => text)).toContain('after');
    expect(sut.logs.map(({ text }) => text)).toContain('closed,3001,bye,true,3');
    await expect.poll(() => sut.host.runners().reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(0);
  });

  it('tells of a connection that broke off by an error and a close', async () => {
    const guest = sut.handler(`${pair}
      server.onerror = () => console.log('an error');
      server.onclose = (event) => console.log('broken ' + event.code + event.wasClean);
      ${answer}`);
    (await open(guest)).socket.closed(1006, '');
    await expect.poll(() => sut.logs.map(({ text }) => text)).toContain('broken 1006false');
    expect(sut.logs.map(({ text }) => text)).toContain('an error');
  });

  it('closes from the inside, with code and reason', async () => {
    const { client, socket } = await open(
      sut.handler(`${pair} server.onmessage = () => server.close(4000, 'enough'); ${answer}`),
    );
    socket.receive('x');
    await expect.poll(() => client.ended).toEqual(['4000 enough']);
    socket.closed(4000, 'enough');
  });

  it('gives each message the CPU time of a call, and ends with a problem where one takes more', async () => {
    const spin = `const until = Date.now() + 60; while (Date.now() < until);`;
    const guest = sut.handler(
      `${pair} server.onmessage = ({ data }) => { if (data === 'loop') for (;;); ${spin} server.send('done'); }; ${answer}`,
      { limits: { cpuMs: 250 } },
    );
    const { socket, client } = await open(guest);
    for (let i = 0; i < 8; i += 1) socket.receive('work');
    await expect.poll(() => client.got.length, { timeout: 10_000 }).toBe(8);
    socket.receive('loop');
    await expect.poll(() => client.ended, { timeout: 10_000 }).toEqual(['cpu-limit']);
  });

  it('outlives the time a call may take', async () => {
    const guest = sut.handler(`${pair} server.onmessage = ({ data }) => server.send(data); ${answer}`, {
      limits: { timeoutMs: 600 },
    });
    await sut.host.warm(guest);
    const { socket, client } = await open(guest);
    await new Promise((resolve) => {
      setTimeout(resolve, 900);
    });
    socket.receive('still here');
    await expect.poll(() => client.got).toEqual(['still here']);
    socket.closed(1000, '');
  });

  it('refuses what is too large or too much, and says how much waits', async () => {
    const guest = sut.handler(`${pair}
      const said = [];
      const attempt = (data) => { try { server.send(data); } catch (error) { said.push(error.name); } };
      attempt(new Uint8Array(1024 * 1024 + 1));
      for (let i = 0; i < 20; i += 1) attempt(new Uint8Array(100_000));
      said.push(server.bufferedAmount);
      server.onmessage = () => server.send(JSON.stringify([...said, server.bufferedAmount]));
      ${answer}`);
    const { socket, client } = await open(guest);
    await expect.poll(() => client.got.length).toBe(10);
    socket.receive('tell');
    await expect.poll(() => client.got.length).toBe(11);
    const told = JSON.parse(client.got[10] as string) as unknown[];
    expect(told.slice(0, 11)).toEqual(Array.from({ length: 11 }, () => 'QuotaExceededError'));
    expect(told.slice(11)).toEqual([1_000_000, 0]);
    socket.closed(1000, '');
  });

  it('holds a client back that sends faster than the guest takes', async () => {
    const { socket, client } = await open(sut.handler(`${pair} server.onmessage = () => {}; ${answer}`));
    let wentOn = true;
    for (let i = 0; i < 3; i += 1) wentOn = socket.receive(new Uint8Array(900_000));
    expect(wentOn).toBe(false);
    await expect.poll(() => client.ended).toEqual(['resume']);
    socket.closed(1000, '');
  });

  it.each([
    ['a request that asked for none', `${pair} ${answer}`, false, /asked for none/],
    ['an accepted end', `${pair} client.accept(); ${answer}`, true, /cannot be the client/],
    ['no socket', `return new Response(null, { status: 101 });`, true, /status lies outside/],
    ['a look-alike', `return new Response(null, { status: 101, webSocket: {} });`, true, /is no WebSocket/],
  ])('is refused in an answer: %s', async (_, body, takesWebSocket, detail) => {
    const problem = await sut.problem(sut.handler(body), { takesWebSocket });
    expect(problem.detail).toMatch(detail);
  });

  it('works between two ends in the guest as well', async () => {
    const text = await sut.text(`
      const [a, b] = Object.values(new WebSocketPair());
      a.accept(); b.accept();
      const closed = new Promise((resolve) => { b.onclose = resolve; });
      const got = new Promise((resolve) => { b.onmessage = ({ data }) => resolve(data); });
      a.send('one');
      const data = await got;
      a.close(3000, 'over');
      const { code, reason } = await closed;
      return new Response([data, code, reason, a instanceof WebSocket, a.readyState === WebSocket.CLOSED || a.readyState].join());`);
    expect(text).toMatch(/^one,3000,over,true,/);
  });

  it('cannot be opened to elsewhere', async () => {
    expect(
      await sut.text(
        `try { new WebSocket('wss://a.example'); } catch (e) { return new Response(e.message); }`,
      ),
    ).toMatch(/WebSocketPair/);
  });
});
