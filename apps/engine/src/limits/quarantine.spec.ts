import type { Guest, RunnerEnd } from '@proxylet/sandbox';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Active } from '../installations/active.js';
import { Quarantine } from './quarantine.js';

const guest = { id: 'i1.1', name: 'acme/thumb', version: '1.0.0' } as Guest;

function installation(version = '1.0.0', owner = 'alice'): Active {
  return {
    record: { id: 'i1', name: 'acme/thumb', version, owner: { key: owner }, state: 'running' },
  } as Active;
}

describe('the quarantine', () => {
  let nowMs: number;
  let active: Active;
  let stopped: string[];
  let sut: Quarantine;
  beforeEach(() => {
    nowMs = 1000;
    active = installation();
    stopped = [];
    sut = new Quarantine({
      strikes: 3,
      windowMs: 60_000,
      find: (id) => (id === guest.id ? active : undefined),
      onStopped: (_, reason) => stopped.push(reason),
      now: () => nowMs,
    });
  });

  const strike = (times: number, end: RunnerEnd = 'crash'): void => {
    for (let i = 0; i < times; i += 1) sut.lost({ end, culprit: guest });
  };

  it('suspects a version from the first time on, and stops the installation at the third', () => {
    expect(sut.isSuspect('acme/thumb', '1.0.0')).toBe(false);
    strike(1);
    expect(sut.isSuspect('acme/thumb', '1.0.0')).toBe(true);
    expect(sut.isSuspect('acme/thumb', '1.0.1')).toBe(false);
    strike(1);
    expect(sut.refusal(active.record)).toBeUndefined();
    strike(1, 'memory');
    expect(stopped).toEqual(['1.0.0 ended its process 3 times, at last by its use of memory']);
    expect(active.record.state).toBe('quarantined');
    expect(sut.refusal(active.record)?.code).toBe('proxylet-quarantined');
    strike(1);
    expect(stopped).toHaveLength(1);
  });

  it('counts what lies within the window only', () => {
    strike(2);
    nowMs += 60_001;
    strike(2);
    expect(stopped).toEqual([]);
  });

  it('blames nobody for a signal from outside, nor for a runner in which nothing ran', () => {
    strike(5, 'killed');
    for (let i = 0; i < 5; i += 1) sut.lost({ end: 'crash', culprit: undefined });
    expect(sut.isSuspect('acme/thumb', '1.0.0')).toBe(false);
    expect(stopped).toEqual([]);
  });

  it('is not left by removing and installing again, but by another version or a release', () => {
    strike(3);
    expect(sut.refusal(installation().record)?.code).toBe('proxylet-quarantined');
    expect(sut.refusal(installation('1.0.1').record)).toBeUndefined();
    expect(sut.refusal(installation('1.0.0', 'bob').record)).toBeUndefined();
    sut.release(active.record);
    expect(sut.refusal(installation().record)).toBeUndefined();
  });
});
