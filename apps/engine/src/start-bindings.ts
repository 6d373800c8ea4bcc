import { join } from 'node:path';
import type { Sandbox } from '@proxylet/sandbox';
import { newTraceId } from './data-plane/trace-id.js';
import { Deliveries } from './deliveries.js';
import type { EngineConfig } from './engine.config.js';
import type { InstallationRegistry } from './installations/registry.js';
import type { GuestLogs } from './logs/guest-logs.js';
import { ScheduleStore } from './schedule/schedule-store.js';
import { ScheduledRuns } from './schedule/scheduled-runs.js';
import { Scheduler } from './schedule/scheduler.js';

export interface BindingsOptions {
  readonly config: EngineConfig;
  readonly stateDir: string;
  readonly registry: InstallationRegistry;
  readonly logs: GuestLogs;
  readonly sandbox: () => Pick<Sandbox, 'deliver'>;
  readonly log: { error(fields: object, message: string): void };
}

/** What brings events to installations. `start` when every installation is known; disposing ends it. */
export interface Bindings extends Disposable {
  readonly scheduler: Scheduler;
  start(): void;
}

export function openBindings({ config, stateDir, registry, logs, sandbox, log }: BindingsOptions): Bindings {
  using opened = new DisposableStack();
  const deliveries = new Deliveries(sandbox);
  const runs = new ScheduledRuns(deliveries, logs);
  const scheduler = opened.use(
    new Scheduler({
      store: opened.use(new ScheduleStore(join(stateDir, 'schedule.sqlite'))),
      run: runs.run,
      onSkipped: runs.skipped,
      onStoreFailure: (err) => log.error({ err }, 'a schedule could not be written down'),
      newTraceId,
      jitterMs: config.scheduleJitterMs,
      windowMs: config.scheduleWindowMs,
      concurrency: config.scheduleConcurrency,
    }),
  );
  opened.defer(() => runs.stop());
  const resources = opened.move();
  return {
    scheduler,
    start: () => {
      scheduler.start(registry.all());
      registry.watch((next, gone) => scheduler.change(next, gone));
    },
    [Symbol.dispose]: () => resources.dispose(),
  };
}
