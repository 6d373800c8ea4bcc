import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFixture } from '../../test/sandbox-fixture.js';
import { detectContainment } from './containment.js';

const isRoot = process.getuid?.() === 0;

describe('a runner', () => {
  let sut: SandboxFixture;
  let pid: number;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
    await sut.text('return new Response()');
    pid = sut.host.runners().find(({ group }) => group === 'test')?.pid ?? 0;
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  const status = (name: string, of = pid): string =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${of}/status`, 'latin1'))?.[1] ?? '';

  it('has no interface of the network but a loopback of its own, or the engine says that it has', () => {
    const interfaces = readFileSync(`/proc/${pid}/net/dev`, 'utf8')
      .split('\n')
      .slice(2)
      .flatMap((line) => line.match(/^\s*([^:]+):/)?.[1] ?? []);
    if (sut.host.containment.network === 'open') expect(sut.degraded).toContain('runner-network');
    else expect(interfaces).toEqual(['lo']);
  });

  it('is a user of its own where the engine is root, or the engine says that it is not', () => {
    const { user } = sut.host.containment;
    const [real] = status('Uid').split('\t').map(Number);
    if (user === 'root') expect(sut.degraded).toContain('runner-user');
    else if (isRoot) expect(real).toSatisfy((id: number) => id >= 59_000 && id <= 59_255);
    else expect(real).toBe(process.getuid?.());
    const others = sut.host.runners().filter((runner) => runner.pid !== pid);
    if (user === 'own') for (const other of others) expect(status('Uid', other.pid)).not.toBe(status('Uid'));
  });

  it('has no right of root, and cannot gain any', () => {
    const { privileges, user } = sut.host.containment;
    if (privileges === 'open') expect(sut.degraded).toContain('runner-privileges');
    else expect(status('NoNewPrivs')).toBe('1');
    if (user === 'own') expect(status('CapEff')).toMatch(/^0+$/);
  });

  it('leaves no core and may open few files', () => {
    const limits = readFileSync(`/proc/${pid}/limits`, 'latin1');
    if (sut.host.containment.resources === 'open') expect(sut.degraded).toContain('runner-resources');
    else {
      expect(limits).toMatch(/^Max core file size +0 /m);
      expect(limits).toMatch(/^Max open files +256 /m);
    }
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

describe('a layer that cannot be had', () => {
  it('is named with its reason, and the others stay', () => {
    const faults: string[] = [];
    const { denied, report, wrap } = detectContainment({
      files: ['/no/such/file'],
      cgroup: '/no/such/cgroup',
      onFault: (layer) => faults.push(layer),
    });
    const reasons = denied.map(({ layer, reason }) => `${layer}: ${reason}`).join('\n');
    expect(reasons).toMatch(/runner-network: runners keep the network of the host: .*cannot be read/);
    expect(reasons).toMatch(/runner-memory: .*no\/such\/cgroup/);
    expect(report).toMatchObject({ network: 'open', privileges: 'open', memory: 'watched' });
    expect(wrap('/bin/true', ['a'])).toEqual(['/bin/true', ['a']]);
    expect(faults).toEqual([]);
  });

  it('is the user, where root has no ids for it', () => {
    if (!isRoot) return;
    const { denied, report } = detectContainment({ files: [] });
    expect(denied.map(({ layer }) => layer)).toContain('runner-user');
    expect(report.user).toBe('root');
  });
});
