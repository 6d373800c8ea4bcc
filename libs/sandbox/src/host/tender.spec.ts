import { beforeEach, describe, expect, it } from 'vitest';
import type { Guest, RunnerInfo } from '../types.js';
import type { LoadedGuest } from './loaded-guests.js';
import { defaultLimits } from './sandbox-limits.js';
import { type TendedRunner, Tender } from './tender.js';

const megabyte = 1024 * 1024;

class FakeRunner implements TendedRunner {
  lastUsedMs = 0;
  rssMb = 60;
  inFlight = 0;
  state: RunnerInfo['state'] = 'active';
  readonly loaded: LoadedGuest[] = [];

  info(): RunnerInfo {
    const { inFlight, state } = this;
    const isolates = this.loaded.length;
    return {
      group: 'g',
      pid: 1,
      startedAtMs: 0,
      rssBytes: this.rssMb * megabyte,
      isolates,
      inFlight,
      calls: 0,
      state,
    };
  }

  with(...lastUsedMs: number[]): this {
    for (const at of lastUsedMs) {
      this.loaded.push({ key: at, guest: { id: `at-${at}` } as Guest, lastUsedMs: at });
      this.lastUsedMs = Math.max(this.lastUsedMs, at);
    }
    return this;
  }

  idleGuests(): LoadedGuest[] {
    return this.loaded.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  }

  release(loaded: LoadedGuest): void {
    this.loaded.splice(this.loaded.indexOf(loaded), 1);
  }
}

describe('the tender', () => {
  const limits = {
    ...defaultLimits,
    isolateIdleMs: 1000,
    runnerIdleMs: 5000,
    runnerAgeMs: 50_000,
    totalMemoryMb: 1000,
  };
  let events: string[];
  let tender: Tender<FakeRunner>;
  beforeEach(() => {
    events = [];
    tender = new Tender<FakeRunner>(limits, 400, {
      stop: () => events.push('stop'),
      replace: () => events.push('replace'),
      evicted: ({ id }, reason) => events.push(`${id} ${reason}`),
    });
  });

  it('drops isolates that nobody called for long, and leaves the others', () => {
    const runner = new FakeRunner().with(100, 200, 1900);
    tender.tend([runner], 2000);
    expect(events).toEqual(['at-100 idle', 'at-200 idle']);
  });

  it('stops a runner that nobody called for long, with all that is in it', () => {
    tender.tend([new FakeRunner().with(100)], 6000);
    expect(events).toEqual(['at-100 idle', 'stop']);
  });

  it('leaves a spare alone, and one that has calls', () => {
    const spare = new FakeRunner();
    spare.state = 'spare';
    const busy = new FakeRunner();
    busy.inFlight = 1;
    tender.tend([spare, busy], 6000);
    expect(events).toEqual([]);
  });

  it('makes room in a runner, the least recently used first, as much as it takes', () => {
    const runner = new FakeRunner().with(1500, 1300, 1400);
    runner.rssMb = 303;
    tender.tend([runner], 1600);
    expect(events).toEqual(['at-1300 memory', 'at-1400 memory']);
  });

  it('makes room over all runners, whosever isolate was used least recently', () => {
    const runners = [
      new FakeRunner().with(1300, 1500),
      new FakeRunner().with(1400),
      new FakeRunner(),
      new FakeRunner(),
    ];
    for (const runner of runners) runner.rssMb = 251;
    tender.tend(runners, 1600);
    expect(events).toEqual(['at-1300 memory', 'at-1400 memory']);
  });

  it('replaces a runner of age, and one that has grown at rest', () => {
    const old = new FakeRunner().with(50_000);
    tender.tend([old], 50_500);
    expect(events).toEqual(['replace']);
    const drifting = new FakeRunner().with(1000);
    tender.tend([drifting], 1100);
    drifting.rssMb = 150;
    drifting.inFlight = 1;
    tender.tend([drifting], 1200);
    expect(events).toEqual(['replace']);
    drifting.inFlight = 0;
    tender.tend([drifting], 1300);
    expect(events).toEqual(['replace', 'replace']);
  });

  it('takes growth with more isolates for what it is', () => {
    const runner = new FakeRunner().with(1000);
    tender.tend([runner], 1100);
    runner.with(1001, 1002);
    runner.rssMb = 150;
    tender.tend([runner], 1200);
    expect(events).toEqual([]);
  });
});
