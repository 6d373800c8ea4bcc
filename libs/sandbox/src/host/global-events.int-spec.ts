import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFixture } from '../../test/sandbox-fixture.js';

describe('the global as an event target', () => {
  let sut: SandboxFixture;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  it('tells listeners and onerror of reported errors', async () => {
    const answer = await sut.text(`
      const seen = [];
      addEventListener('error', (event) => { seen.push(event.error.message); event.preventDefault(); });
      onerror = (message, ...rest) => { seen.push(message, rest.length); };
      reportError(new Error('mine'));
      return Response.json(seen);`);
    expect(JSON.parse(answer)).toEqual(['mine', 'Uncaught Error: mine', 4]);
  });

  it('logs what no listener dealt with', async () => {
    await sut.text(`reportError(new Error('nobody cares')); return new Response()`);
    await expect.poll(() => sut.logs.some(({ text }) => text.includes('nobody cares'))).toBe(true);
  });

  it('tells of rejections that nobody handles', async () => {
    const answer = await sut.text(`
      const told = new Promise((resolve) => {
        onunhandledrejection = (event) => { event.preventDefault(); resolve(event.reason.message); };
      });
      void Promise.reject(new Error('lost'));
      return new Response(await told);`);
    expect(answer).toContain('lost');
  });

  it('does not go round in circles when a listener fails itself', async () => {
    const answer = await sut.text(`
      let count = 0;
      addEventListener('error', () => { count += 1; throw new Error('again'); });
      onunhandledrejection = () => { void Promise.reject(new Error('again')); };
      void Promise.reject(new Error('first'));
      reportError(new Error('first'));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return new Response(String(count));`);
    expect(answer).toBe('1');
  });
});
