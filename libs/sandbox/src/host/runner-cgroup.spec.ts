import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRunnerCgroup, RunnerCgroup } from './runner-cgroup.js';

/** A folder in the place of cgroup v2: what is written can be read again, nothing is enforced. */
describe('the group of a runner', () => {
  let folder: string;
  let faults: string[];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'proxylet-cgroup-'));
    faults = [];
    writeFileSync(join(folder, 'cgroup.subtree_control'), 'cpu memory pids\n');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const open = (): RunnerCgroup => {
    const opened = openRunnerCgroup(folder, (reason) => faults.push(reason));
    if (typeof opened === 'string') throw new Error(opened);
    return opened;
  };

  it('limits its memory and holds its process', () => {
    open().admit(4242, 100);
    const read = (file: string): string => readFileSync(join(folder, 'runner-4242', file), 'latin1');
    expect(['memory.max', 'memory.oom.group', 'cgroup.procs'].map(read)).toEqual(['104857600', '1', '4242']);
    expect(existsSync(join(folder, 'runner-4242', 'memory.swap.max'))).toBe(false);
    expect(faults).toEqual([]);
  });

  it('tells whether the system ended it for its memory', () => {
    const sut = open();
    mkdirSync(join(folder, 'runner-1'));
    expect(sut.wasOutOfMemory(1)).toBe(false);
    writeFileSync(join(folder, 'runner-1', 'memory.events'), 'low 0\noom 1\noom_kill 0\n');
    expect(sut.wasOutOfMemory(1)).toBe(false);
    writeFileSync(join(folder, 'runner-1', 'memory.events'), 'low 0\noom 1\noom_kill 1\n');
    expect(sut.wasOutOfMemory(1)).toBe(true);
    sut.release(2);
  });

  it('that cannot be made leaves the runner alone and tells why', () => {
    const sut = open();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'a file');
    sut.admit(4242, 100);
    expect(faults).toHaveLength(1);
  });

  it('is not there where the folder gives no memory to its children, or is none', () => {
    writeFileSync(join(folder, 'cgroup.subtree_control'), 'cpu\n');
    expect(openRunnerCgroup(folder, () => undefined)).toMatch(/does not give "memory"/);
    expect(openRunnerCgroup(join(folder, 'none'), () => undefined)).toMatch(/ENOENT/);
  });
});
