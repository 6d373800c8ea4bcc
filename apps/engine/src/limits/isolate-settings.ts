import type { SandboxLimits } from '@proxylet/sandbox';
import { setting, value } from '@proxylet/nest';

const dayMs = 86_400_000;

/** Settings of how isolates and runner processes come and go. */
export const isolateSettings = {
  readyIsolates: setting({
    env: 'PROXYLET_ENGINE_READY_ISOLATES',
    type: value.int({ min: 0, max: 64 }),
    default: '2',
    description: 'Isolates that each runner keeps ready for the next proxylets to start; about 2 MB each.',
  }),
  syncAfterCalls: setting({
    env: 'PROXYLET_ENGINE_SYNC_AFTER_CALLS',
    type: value.int({ min: 0, max: 1_000_000 }),
    default: '20',
    description:
      "Calls without a slow one after which a proxylet runs on its runner's own thread, which is faster and holds up its neighbours; 0 for never.",
  }),
  slowEntryMs: setting({
    env: 'PROXYLET_ENGINE_SLOW_ENTRY_MS',
    type: value.int({ min: 1, max: 60_000 }),
    default: '5',
    description: 'CPU time without a pause from which a call is slow, ms.',
  }),
  heavyCpuMs: setting({
    env: 'PROXYLET_ENGINE_HEAVY_CPU_MS',
    type: value.int({ min: 1, max: 3_600_000 }),
    default: '500',
    description:
      'CPU time of slow calls, ms, forgotten at 50 ms per second, from which an installation moves to a runner that leaves the CPU to others.',
  }),
  heavyForMs: setting({
    env: 'PROXYLET_ENGINE_HEAVY_FOR_MS',
    type: value.int({ min: 1000, max: dayMs }),
    default: '600000',
    description: 'How long it stays there, ms.',
  }),
  isolateHeapPercent: setting({
    env: 'PROXYLET_ENGINE_ISOLATE_HEAP_PERCENT',
    type: value.int({ min: 10, max: 100 }),
    default: '70',
    description: 'Share of its memory in use from which an isolate is replaced by a fresh one, percent.',
  }),
  isolateMaxCalls: setting({
    env: 'PROXYLET_ENGINE_ISOLATE_MAX_CALLS',
    type: value.int({ min: 1, max: 1_000_000_000 }),
    default: '1000000',
    description: 'Calls after which an isolate is replaced by a fresh one.',
  }),
  isolateMaxAgeMs: setting({
    env: 'PROXYLET_ENGINE_ISOLATE_MAX_AGE_MS',
    type: value.int({ min: 1000, max: 30 * dayMs }),
    default: '3600000',
    description: 'Age from which an isolate is replaced by a fresh one, ms.',
  }),
  isolateIdleMs: setting({
    env: 'PROXYLET_ENGINE_ISOLATE_IDLE_MS',
    type: value.int({ min: 100, max: 30 * dayMs }),
    default: '120000',
    description: 'Time without a call after which an isolate is dropped; the next call starts it again, ms.',
  }),
  runnerIdleMs: setting({
    env: 'PROXYLET_ENGINE_RUNNER_IDLE_MS',
    type: value.int({ min: 100, max: 30 * dayMs }),
    default: '600000',
    description: 'Time without a call after which a runner process is stopped, ms.',
  }),
  runnerMaxAgeMs: setting({
    env: 'PROXYLET_ENGINE_RUNNER_MAX_AGE_MS',
    type: value.int({ min: 1000, max: 30 * dayMs }),
    default: String(dayMs),
    description: 'Age from which a runner process is replaced, ms.',
  }),
  runnerDriftPercent: setting({
    env: 'PROXYLET_ENGINE_RUNNER_DRIFT_PERCENT',
    type: value.int({ min: 100, max: 1000 }),
    default: '130',
    description:
      'Resident memory of a runner at rest, against what it needed at rest before, from which it is replaced, percent.',
  }),
  evictPercent: setting({
    env: 'PROXYLET_ENGINE_EVICT_PERCENT',
    type: value.int({ min: 10, max: 100 }),
    default: '75',
    description: "Share of a runner's memory from which its isolates at rest are dropped, percent.",
  }),
  totalMemoryMb: setting({
    env: 'PROXYLET_ENGINE_TOTAL_MEMORY_MB',
    type: value.int({ min: 64, max: 16_777_216 }),
    optional: true,
    defaultText: 'half of the machine',
    description: 'Resident memory of all runners together from which isolates at rest are dropped, MB.',
  }),
};

interface IsolateConfig extends Record<Exclude<keyof typeof isolateSettings, 'totalMemoryMb'>, number> {
  readonly defaultMemoryMb: number;
  readonly totalMemoryMb: number | undefined;
}

export function sandboxLimits(config: IsolateConfig): Partial<SandboxLimits> {
  const { totalMemoryMb } = config;
  return {
    readyIsolates: config.readyIsolates,
    readyMemoryMb: config.defaultMemoryMb,
    syncAfterCalls: config.syncAfterCalls,
    slowEntryMs: config.slowEntryMs,
    heavyMs: config.heavyCpuMs,
    heavyForMs: config.heavyForMs,
    isolateHeapShare: config.isolateHeapPercent / 100,
    isolateCalls: config.isolateMaxCalls,
    isolateAgeMs: config.isolateMaxAgeMs,
    isolateIdleMs: config.isolateIdleMs,
    runnerIdleMs: config.runnerIdleMs,
    runnerAgeMs: config.runnerMaxAgeMs,
    runnerDrift: config.runnerDriftPercent / 100,
    evictAboveShare: config.evictPercent / 100,
    ...(totalMemoryMb === undefined ? {} : { totalMemoryMb }),
    tendEveryMs: Math.max(100, Math.min(5000, config.isolateIdleMs / 2, config.runnerIdleMs / 2)),
  };
}
