import { totalmem } from 'node:os';
import type { RunnerSettings } from '../wire/runner-settings.js';

/** How isolates and runners come and go. Every figure has a default. */
export interface SandboxLimits {
  /** Isolates each runner keeps ready for guests to come; 0 for none. */
  readonly readyIsolates: number;
  /** Memory limit of those a runner starts with, MB; later it follows what was asked for last. */
  readonly readyMemoryMb: number;
  /** Calls without a slow entry after which a guest runs on its runner's own thread; 0 for never. */
  readonly syncAfterCalls: number;
  /** CPU time from which an entry is slow, ms. */
  readonly slowEntryMs: number;
  /** CPU time in slow entries that moves a guest to its group's runner for heavy ones, ms; a 20th of it comes back. */
  readonly heavyMs: number;
  /** How long a guest stays there, ms. */
  readonly heavyForMs: number;
  /** Share of its memory, 0 to 1, calls and age from which an isolate is replaced by a fresh one. */
  readonly isolateHeapShare: number;
  readonly isolateCalls: number;
  readonly isolateAgeMs: number;
  /** Without a call for this long an isolate is dropped, and a runner stopped, ms. */
  readonly isolateIdleMs: number;
  readonly runnerIdleMs: number;
  /** Age from which a runner is replaced, ms; and growth at rest over what it needed before, as a factor. */
  readonly runnerAgeMs: number;
  readonly runnerDrift: number;
  /** Share of a runner's memory, 0 to 1, from which isolates at rest are dropped. */
  readonly evictAboveShare: number;
  /** Resident memory of all runners together from which isolates at rest are dropped, MB. */
  readonly totalMemoryMb: number;
  /** How often all this is looked at, ms. */
  readonly tendEveryMs: number;
}

const minute = 60_000;
const hour = 60 * minute;

export const defaultLimits: SandboxLimits = {
  readyIsolates: 2,
  readyMemoryMb: 64,
  syncAfterCalls: 20,
  slowEntryMs: 5,
  heavyMs: 500,
  heavyForMs: 10 * minute,
  isolateHeapShare: 0.7,
  isolateCalls: 1_000_000,
  isolateAgeMs: hour,
  isolateIdleMs: 2 * minute,
  runnerIdleMs: 10 * minute,
  runnerAgeMs: 24 * hour,
  runnerDrift: 1.3,
  evictAboveShare: 0.75,
  totalMemoryMb: Math.round(totalmem() / 1024 / 1024 / 2),
  tendEveryMs: 5000,
};

export function runnerSettingsOf(limits: SandboxLimits): RunnerSettings {
  return {
    hasWasm: false,
    blanks: { count: limits.readyIsolates, memoryMb: limits.readyMemoryMb },
    pace: {
      syncAfterCalls: limits.syncAfterCalls,
      slowMs: limits.slowEntryMs,
      heavyMs: limits.heavyMs,
    },
    recycle: {
      heapShare: limits.isolateHeapShare,
      calls: limits.isolateCalls,
      ageMs: limits.isolateAgeMs,
    },
  };
}
