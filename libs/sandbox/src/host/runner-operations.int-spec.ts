import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFixture } from '../../test/sandbox-fixture.js';

const bombMb = 400;

/** Compression and keys work outside of the isolate: its limits must hold there as well. */
describe('work the runner does for a guest', () => {
  let sut: SandboxFixture;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  it('unpacks no more of a decompression bomb than its reader takes', async () => {
    const bomb = gzipSync(Buffer.alloc(bombMb * 1024 * 1024));
    const guest = sut.handler(`
      const reader = request.body.pipeThrough(new DecompressionStream('gzip')).getReader();
      let bytes = 0;
      for (let reads = 0; reads < 20; reads += 1) bytes += (await reader.read()).value.byteLength;
      await new Promise((resolve) => setTimeout(resolve, 200));
      await reader.cancel();
      return new Response(String(bytes));`);
    const answer = await sut.call(guest, { method: 'POST', body: bomb });
    expect(Number(answer.text)).toBeLessThan(20 * 128 * 1024 + 1);
    const [runner] = sut.host.runners();
    expect(runner?.rssBytes).toBeLessThan(bombMb * 1024 * 1024);
  });

  it('ends a guest that keeps all of a decompression bomb, and nobody else', async () => {
    const bomb = gzipSync(Buffer.alloc(bombMb * 1024 * 1024));
    const guest = sut.handler(
      `return new Response(await new Response(request.body.pipeThrough(new DecompressionStream('gzip'))).text())`,
      { limits: { memoryMb: 32, cpuMs: 5000 } },
    );
    const problem = await sut.problem(guest, { method: 'POST', body: bomb });
    expect(['memory-limit', 'runner-lost', 'proxylet-threw']).toContain(problem.code);
    expect(await sut.text(`return new Response('well')`)).toBe('well');
  });

  it('lends so many coders and no more, and takes them back with the call', async () => {
    const body = `
      const open = [];
      for (let i = 0; i < 40; i += 1) {
        const { readable, writable } = new CompressionStream('gzip');
        writable.getWriter().write(new Uint8Array(10)).catch(() => undefined);
        const reader = readable.getReader();
        open.push(Promise.race([
          reader.read().then(() => 'ok', (e) => e.name),
          new Promise((resolve) => setTimeout(resolve, 300, 'waits')),
        ]));
      }
      return Response.json(await Promise.all(open));`;
    const guest = sut.handler(body);
    for (let round = 0; round < 3; round += 1) {
      const seen = JSON.parse((await sut.call(guest)).text) as string[];
      expect(seen.filter((name) => name === 'QuotaExceededError')).toHaveLength(8);
    }
  });

  it.each([
    [
      'PBKDF2 with millions of rounds',
      `{ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 5e6 }`,
    ],
    [
      'PBKDF2 with a count that is none',
      `{ name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(8), iterations: 1e9 }`,
    ],
  ])('refuses %s', async (_, algorithm) => {
    const answer = await sut.text(`
      const key = await crypto.subtle.importKey('raw', new Uint8Array(8), 'PBKDF2', false, ['deriveBits']);
      return new Response(await crypto.subtle.deriveBits(${algorithm}, key, 256).then(() => 'made', (e) => e.name));`);
    expect(answer).toBe('NotSupportedError');
  });

  it('refuses huge RSA keys', async () => {
    const answer = await sut.text(`
      const wanted = { name: 'RSA-OAEP', hash: 'SHA-256', modulusLength: 16384, publicExponent: new Uint8Array([1, 0, 1]) };
      return new Response(await crypto.subtle.generateKey(wanted, true, ['encrypt', 'decrypt']).then(() => 'made', (e) => e.name));`);
    expect(answer).toBe('NotSupportedError');
  });

  it('knows a key only in the isolate that made it', async () => {
    const make = `const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'AES-GCM', true, ['encrypt']);`;
    await sut.text(`${make} return new Response()`);
    const answer = await sut.text(`
      try {
        new CryptoKey(Symbol(), { id: 1 });
      } catch (error) {
        const forged = Object.create(CryptoKey.prototype);
        return new Response([error.name, await crypto.subtle.exportKey('raw', forged).catch((e) => e.name)].join());
      }`);
    expect(answer).toBe('TypeError,TypeError');
  });

  it('holds no material of a key that is not extractable where the guest could find it', async () => {
    const answer = await sut.text(`
      const secret = crypto.getRandomValues(new Uint8Array(16));
      const key = await crypto.subtle.importKey('raw', secret, 'AES-GCM', false, ['encrypt']);
      const shown = [JSON.stringify(key), ...Reflect.ownKeys(key).map(String), JSON.stringify(key.algorithm)];
      let cloned;
      try { cloned = JSON.stringify(structuredClone(key)); } catch (error) { cloned = error.name; }
      return Response.json([shown, cloned]);`);
    expect(JSON.parse(answer)).toEqual([
      ['{}', '{"name":"AES-GCM","length":128}'],
      expect.stringMatching(/^\{\}$|Error$/),
    ]);
  });

  it('bounds what waits, also for a guest that has the prelude count wrongly', async () => {
    const guest = sut.handler(
      `Set.prototype.has = () => true;
      Object.defineProperty(Map.prototype, 'size', { get: () => 0 });
      const subtle = crypto.subtle;
      const block = new Uint8Array(4 * 1024 * 1024);
      for (let i = 0; i < 200; i += 1) subtle.digest('SHA-256', block).catch(() => undefined);
      return new Response('sent');`,
      { limits: { cpuMs: 5000 } },
    );
    const lostBefore = sut.lost.length;
    await sut.call(guest).catch(() => undefined);
    expect(await sut.text(`return new Response('well')`)).toBe('well');
    expect(sut.lost).toHaveLength(lostBefore);
  });
});
