import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Heartbeat } from './heartbeat.js';

const megabyte = 1024 * 1024;

/** A runner whose readings the test sets, with one guest of 200 ms and 64 MB on it. */
class FakeRunner {
  rssBytes = 60 * megabyte;
  cpuMs: number | undefined = 0;
  readonly killed: string[] = [];
  private readonly heartbeat = new Heartbeat(this, 768, {
    ping: (id) => {
      if (this.answers) this.heartbeat.pong(id);
    },
    longestCpuMs: () => 200,
    largestMemoryMb: () => 64,
    isBusy: () => true,
  });

  constructor(private readonly answers: boolean) {
    this.heartbeat.start();
  }

  get isSilent(): boolean {
    return this.heartbeat.isSilent;
  }

  kill(reason: string): void {
    this.killed.push(reason);
    this.heartbeat.stop();
  }

  /** Time goes by, of which the runner gets a share of the CPU. */
  pass(ms: number, share: number): void {
    for (let step = 0; step < ms; step += 100) {
      if (this.cpuMs !== undefined) this.cpuMs += 100 * share;
      vi.advanceTimersByTime(100);
    }
  }
}

describe('the heartbeat', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('leaves a runner alone that answers', () => {
    const runner = new FakeRunner(true);
    runner.pass(60_000, 1);
    expect(runner.killed).toEqual([]);
  });

  it('ends a runner that computes and is silent', () => {
    const runner = new FakeRunner(false);
    runner.pass(2000, 1);
    expect(runner.killed).toEqual([]);
    runner.pass(1000, 1);
    expect(runner.killed).toEqual(['hang']);
  });

  it('gives a starved runner the CPU time it was promised, and no more', () => {
    const runner = new FakeRunner(false);
    runner.pass(4500, 0.2);
    expect(runner.killed).toEqual([]);
    runner.pass(1500, 0.2);
    expect(runner.killed).toEqual(['hang']);
  });

  it('loses patience with a runner that is silent and gets nothing', () => {
    const runner = new FakeRunner(false);
    runner.pass(12_000, 0);
    expect(runner.killed).toEqual([]);
    runner.pass(2000, 0);
    expect(runner.killed).toEqual(['hang']);
  });

  it('knows of a runner that was silent when it ended by itself', () => {
    const silent = new FakeRunner(false);
    silent.pass(1000, 1);
    expect(silent.isSilent).toBe(false);
    silent.pass(500, 1);
    expect(silent.isSilent).toBe(true);
    const sound = new FakeRunner(true);
    sound.pass(5000, 1);
    expect(sound.isSilent).toBe(false);
  });

  it('judges by the clock alone where CPU time cannot be read', () => {
    const runner = new FakeRunner(false);
    runner.cpuMs = undefined;
    runner.pass(3000, 1);
    expect(runner.killed).toEqual(['hang']);
  });

  it('ends a runner beyond its memory, and one that grows while it is silent', () => {
    const large = new FakeRunner(true);
    large.rssBytes = 769 * megabyte;
    large.pass(100, 1);
    expect(large.killed).toEqual(['memory']);
    const growing = new FakeRunner(false);
    growing.pass(200, 1);
    growing.rssBytes += 200 * megabyte;
    growing.pass(100, 1);
    expect(growing.killed).toEqual(['memory']);
  });
});
