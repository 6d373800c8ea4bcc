import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** Prometheus metrics of one service. Labels come from code, never from a request, so that their number is bounded. */
export class Metrics {
  readonly registry = new Registry();
  readonly #requests: Histogram<'method' | 'route' | 'status'>;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Time from the request to the end of its answer, seconds.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers: [this.registry],
    });
  }

  /** @param route the pattern of the route, undefined where none matched */
  observeRequest(method: string, route: string | undefined, status: number, seconds: number): void {
    this.#requests.observe(
      {
        method: knownMethods.has(method) ? method : 'other',
        route: route ?? 'unmatched',
        status: String(status),
      },
      seconds,
    );
  }
}
