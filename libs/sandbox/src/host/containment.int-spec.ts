import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFixture } from '../../test/sandbox-fixture.js';
import { detectContainment } from './containment.js';

describe('a runner', () => {
  let sut: SandboxFixture;
  let pid: number;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
    await sut.text('return new Response()');
    pid = sut.host.runners().find(({ group }) => group === 'test')?.pid ?? 0;
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  it('has no interface of the network but a loopback of its own, or the engine says that it has', () => {
    const { denied } = detectContainment();
    const interfaces = readFileSync(`/proc/${pid}/net/dev`, 'utf8')
      .split('\n')
      .slice(2)
      .flatMap((line) => line.match(/^\s*([^:]+):/)?.[1] ?? []);
    if (denied.some(({ layer }) => layer === 'runner-network'))
      expect(sut.degraded).toContain('runner-network');
    else expect(interfaces).toEqual(['lo']);
  });

  it('inherits no environment', () => {
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).toBe('');
  });

  it('is started under the permission model, with nothing to read but its own files', () => {
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    expect(args).toContain('--permission');
    expect(args).toContain('--no-node-snapshot');
    expect(
      args.filter((arg) => arg.startsWith('--allow-fs-read=')).every((arg) => /\.(cjs|js|node)$/.test(arg)),
    ).toBe(true);
    expect(args.some((arg) => /^--allow-(child-process|worker|fs-write|wasi)/.test(arg))).toBe(false);
  });
});
