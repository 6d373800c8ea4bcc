import type { Problem } from '@proxylet/contract';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Active } from '../installations/active.js';
import { CpuShares } from './cpu-shares.js';

const active = { record: { id: 'i1' }, guest: { limits: { cpuMs: 500 } } } as unknown as Active;

describe('a share of the CPU', () => {
  let nowMs: number;
  let refused: number;
  let ended: Problem[];
  let sut: CpuShares;
  beforeEach(() => {
    nowMs = 5000;
    refused = 0;
    ended = [];
    sut = new CpuShares({
      percent: 20,
      burstMs: 1000,
      onRefused: () => (refused += 1),
      onOverdrawn: (_, problem) => ended.push(problem),
      now: () => nowMs,
    });
  });

  it('lets a burst pass, refuses what comes then, and recovers by itself', () => {
    expect(sut.refusal(active.record)).toBeUndefined();
    sut.used(active, 999);
    expect(sut.refusal(active.record)).toBeUndefined();
    sut.used(active, 401);
    const problem = sut.refusal(active.record);
    expect([problem?.code, problem?.retryAfterSeconds, refused]).toEqual(['cpu-rate-limit', 2, 1]);
    nowMs += 2001;
    expect(sut.refusal(active.record)).toBeUndefined();
    expect(ended).toEqual([]);
  });

  it('saves up no more than a burst', () => {
    sut.used(active, 10);
    nowMs += 3_600_000;
    sut.used(active, 1001);
    expect(sut.refusal(active.record)?.code).toBe('cpu-rate-limit');
  });

  it('allows its share without an end', () => {
    for (let second = 0; second < 1000; second += 1) {
      sut.used(active, 199);
      nowMs += 1000;
      expect(sut.refusal(active.record)).toBeUndefined();
    }
  });

  it('ends calls under way that use another burst and the budget of a call', () => {
    sut.used(active, 2400);
    expect(ended).toEqual([]);
    sut.used(active, 100);
    expect(ended.map(({ code, retryAfterSeconds }) => [code, retryAfterSeconds])).toEqual([
      ['cpu-rate-limit', 8],
    ]);
  });

  it('forgets an installation that is gone', () => {
    sut.used(active, 1500);
    sut.forget('i1');
    expect(sut.refusal(active.record)).toBeUndefined();
  });
});
