import { join } from 'node:path';
import { newTraceId, type Sandbox } from '@proxylet/sandbox';
import { Deliveries } from './deliveries.js';
import type { EngineConfig } from './engine.config.js';
import type { Active } from './installations/active.js';
import type { InstallationRegistry } from './installations/registry.js';
import type { GuestLogs } from './logs/guest-logs.js';
import { ScheduleStore } from './schedule/schedule-store.js';
import { ScheduledRuns } from './schedule/scheduled-runs.js';
import { Scheduler } from './schedule/scheduler.js';
import { MemoryBus } from './topics/memory-bus.js';
import { Subscribers } from './topics/subscribers.js';
import { Topics } from './topics/topics.js';

export interface BindingsOptions {
  readonly config: EngineConfig;
  readonly stateDir: string;
  readonly registry: InstallationRegistry;
  readonly logs: GuestLogs;
  readonly sandbox: () => Pick<Sandbox, 'deliver'>;
  readonly log: { error(fields: object, message: string): void };
}

/** What brings events to installations, and what it is made of. */
export interface Bindings extends AsyncDisposable {
  readonly scheduler: Scheduler;
  readonly topics: Topics;
  readonly subscribers: Subscribers;
  /** When every installation is known. */
  start(): void;
  /** No event begins any more, and those under way end. */
  stop(): void;
}

export function openBindings(options: BindingsOptions): Bindings {
  const { config, registry } = options;
  const opened = new AsyncDisposableStack();
  const deliveries = new Deliveries(options.sandbox);
  const { scheduler, runs } = openScheduler(options, deliveries, opened);
  const bus = opened.use(new MemoryBus());
  const subscribers = openSubscribers(options, deliveries, bus);
  return {
    scheduler,
    topics: new Topics(bus, config.topicMaxBytes),
    subscribers,
    start: () => {
      subscribers.change(registry.all(), []);
      scheduler.start(registry.all());
      registry.watch((next, gone) => {
        subscribers.change(next, gone);
        scheduler.change(next, gone);
      });
    },
    stop: () => {
      runs.stop();
      scheduler[Symbol.dispose]();
      subscribers[Symbol.dispose]();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function openScheduler(
  { config, stateDir, logs, log }: BindingsOptions,
  deliveries: Deliveries,
  opened: AsyncDisposableStack,
): { scheduler: Scheduler; runs: ScheduledRuns } {
  const runs = new ScheduledRuns(deliveries, logs);
  const scheduler = new Scheduler({
    store: opened.use(new ScheduleStore(join(stateDir, 'schedule.sqlite'))),
    run: runs.run,
    onSkipped: runs.skipped,
    onStoreFailure: (err) => log.error({ err }, 'a schedule could not be written down'),
    newTraceId,
    jitterMs: config.scheduleJitterMs,
    windowMs: config.scheduleWindowMs,
    concurrency: config.scheduleConcurrency,
  });
  return { scheduler, runs };
}

/** Bytes that wait for one installation at most. */
const queueBytes = 16 * 1024 * 1024;

function openSubscribers(
  { config, logs }: BindingsOptions,
  deliveries: Deliveries,
  bus: MemoryBus,
): Subscribers {
  return new Subscribers({
    bus,
    deliver: (active, event) => deliveries.deliver(active, event),
    log: ({ record }: Active, level, text, traceId) => {
      const { id: installationId, name: proxylet, version } = record;
      logs.add({ installationId, proxylet, version }, [{ atMs: Date.now(), level, text, traceId }]);
    },
    bounds: { messages: config.topicQueue, bytes: queueBytes },
    concurrency: config.topicConcurrency,
  });
}
