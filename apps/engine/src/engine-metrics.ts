import { Counter, Gauge, type Metric, type Registry } from 'prom-client';
import { type CallStats, durationBuckets } from './data-plane/call-metrics.js';
import type { EngineCore } from './engine-core.js';

/** Shows the plain counts of the data plane to Prometheus; work is done when somebody scrapes, not when one calls. */
export function registerEngineMetrics(registry: Registry, { parts }: EngineCore): void {
  const { metrics, registry: installations, sandbox } = parts;
  const invocations = new Counter({
    name: 'proxylet_invocations_total',
    help: 'Calls of proxylets by how they ended: ok, or the code of the problem.',
    labelNames: ['proxylet', 'version', 'outcome'],
    registers: [],
    collect() {
      this.reset();
      for (const { proxylet, version, ok, failed } of metrics.all()) {
        if (ok > 0) this.inc({ proxylet, version, outcome: 'ok' }, ok);
        for (const [outcome, count] of failed) this.inc({ proxylet, version, outcome }, count);
      }
    },
  });
  registry.registerMetric(invocations);
  registry.registerMetric(durations(() => metrics.all()) as unknown as Metric);
  gauge(registry, 'proxylet_installed', 'Installations on this engine.', () => installations.size);
  gauge(
    registry,
    'proxylet_quarantined',
    'Installations stopped because they ended their runner again and again.',
    () => installations.records().filter(({ state }) => state === 'quarantined').length,
  );
  gauge(registry, 'proxylet_runners', 'Runner processes.', () => sandbox.runners().length);
  gauge(registry, 'proxylet_isolates', 'Isolates that are in memory.', () =>
    sandbox.runners().reduce((sum, { isolates }) => sum + isolates, 0),
  );
  gauge(registry, 'proxylet_runner_resident_bytes', 'Resident memory of all runners, bytes.', () =>
    sandbox.runners().reduce((sum, { rssBytes }) => sum + rssBytes, 0),
  );
  const breaches = new Counter({
    name: 'proxylet_limit_breaches_total',
    help: 'Limits that proxylets broke.',
    labelNames: ['proxylet', 'limit'],
    registers: [],
    collect() {
      this.reset();
      for (const { proxylet, limit, count } of parts.breaches.all()) this.inc({ proxylet, limit }, count);
    },
  });
  registry.registerMetric(breaches);
  const scheduled = new Counter({
    name: 'proxylet_scheduled_runs_total',
    help: 'Scheduled runs by how they ended: ok, skipped, or the code of the problem.',
    labelNames: ['outcome'],
    registers: [],
    collect() {
      this.reset();
      for (const [outcome, count] of parts.bindings.scheduler.outcomes) this.inc({ outcome }, count);
    },
  });
  registry.registerMetric(scheduled);
  const messages = new Counter({
    name: 'proxylet_topic_messages_total',
    help: 'Messages of topics: published, then by what came of them at each installation that listens.',
    labelNames: ['event'],
    registers: [],
    collect() {
      this.reset();
      const { topics, subscribers } = parts.bindings;
      this.inc({ event: 'published' }, topics.published);
      for (const [event, count] of Object.entries(subscribers.counts)) this.inc({ event }, count);
    },
  });
  registry.registerMetric(messages);
  const lost = new Counter({
    name: 'proxylet_runners_lost_total',
    help: 'Runner processes that ended other than by being stopped.',
    registers: [],
    collect() {
      this.reset();
      this.inc(parts.runnersLost());
    },
  });
  registry.registerMetric(lost);
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const metric = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(read());
    },
  });
  registry.registerMetric(metric);
}

/** A histogram whose buckets are kept elsewhere; prom-client's own can only be filled one observation at a time. */
function durations(all: () => readonly CallStats[]): object {
  const name = 'proxylet_invocation_duration_seconds';
  const meta = {
    name,
    help: 'Time of a call in the engine until its answer begins, seconds.',
    type: 'histogram',
  };
  return {
    ...meta,
    aggregator: 'sum',
    reset: () => undefined,
    get: async () => ({ ...meta, aggregator: 'sum', values: all().flatMap((stats) => samples(name, stats)) }),
  };
}

function samples(name: string, { proxylet, version, buckets, secondsTotal }: CallStats): object[] {
  const labels = { proxylet, version };
  let count = 0;
  const rows = [...buckets].map((own, index) => {
    count += own;
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: durationBuckets[index] ?? '+Inf' },
      value: count,
    };
  });
  return [
    ...rows,
    { metricName: `${name}_sum`, labels, value: secondsTotal },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
