import { Inject } from '@nestjs/common';
import { Metrics } from '@proxylet/nest';
import { Counter, Gauge, Histogram } from 'prom-client';
import { Database } from '../database/database.js';
import { statement } from '../database/sql.js';

interface TotalsRow {
  readonly namespaces: number | string;
  readonly proxylets: number | string | null;
  readonly versions: number | string | null;
  readonly bytes: number | string | null;
}
/** One row per namespace is kept by the quotas: no counting of versions. */
const readTotals = statement<TotalsRow>(
  `SELECT (SELECT COUNT(*) FROM namespace) AS namespaces, SUM(proxylets) AS proxylets,
     SUM(versions) AS versions, SUM(bytes) AS bytes FROM namespace_use`,
);
const readSeq = statement<{ seq: number | string | null }>('SELECT MAX(seq) AS seq FROM change');

/** What the catalog tells Prometheus of its work, besides the times of requests every service has. */
export class CatalogMetrics {
  private readonly publishes: Histogram<'outcome'>;
  private readonly sent: Counter;

  constructor(
    @Inject(Metrics) { registry }: Metrics,
    @Inject(Database) private readonly database: Database,
  ) {
    const registers = [registry];
    this.publishes = new Histogram({
      name: 'proxylet_catalog_publish_duration_seconds',
      help: 'Time of a publish, upload included, seconds; by outcome: published, repeated, dry-run or the code of the refusal.',
      labelNames: ['outcome'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    });
    this.sent = new Counter({
      name: 'proxylet_catalog_blob_sent_bytes_total',
      help: 'Bytes of archives sent to readers by the catalog itself.',
      registers,
    });
    this.gaugeTotals(registers);
    this.gaugeFeed(registers);
  }

  observePublish(outcome: string, seconds: number): void {
    this.publishes.observe({ outcome }, seconds);
  }

  countSent(bytes: number): void {
    this.sent.inc(bytes);
  }

  /** Gauges are read at the same time: one query for all. */
  private gaugeTotals(registers: Metrics['registry'][]): void {
    let reading: Promise<void> | undefined;
    const read = async (): Promise<void> => {
      const [row] = await readTotals(this.database.read);
      for (const kind of ['namespaces', 'proxylets', 'versions'] as const)
        entries.set({ kind }, Number(row?.[kind] ?? 0));
      bytes.set(Number(row?.bytes ?? 0));
    };
    const collect = async (): Promise<void> => {
      reading ??= this.whileUp(read).finally(() => {
        reading = undefined;
      });
      await reading;
    };
    const entries = new Gauge({
      name: 'proxylet_catalog_entries',
      help: 'What the catalog has: namespaces, proxylets, versions.',
      labelNames: ['kind'],
      registers,
      collect,
    });
    const bytes = new Gauge({
      name: 'proxylet_catalog_archive_bytes',
      help: 'Bytes of all published archives, each version counted.',
      registers,
      collect,
    });
  }

  private gaugeFeed(registers: Metrics['registry'][]): void {
    const gauge = new Gauge({
      name: 'proxylet_catalog_feed_seq',
      help: 'Number of the newest change of the feed.',
      registers,
      collect: () =>
        this.whileUp(async () => {
          const [row] = await readSeq(this.database.read);
          gauge.set(Number(row?.seq ?? 0));
        }),
    });
  }

  /** With the database down the rest is told all the same; readiness says what is down. */
  private async whileUp(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch {
      // What was told last stays.
    }
  }
}
