import { setTimeout as wait } from 'node:timers/promises';
import { Latencies } from '../../bench/latencies.mjs';

/** Between two calls, ms. */
const paceMs = 4;

/** Bob, who calls his proxylet one call after the other. */
export class Neighbour {
  #latencies = new Latencies();
  #failures = [];
  #isStopped = false;
  #stack;
  #done;

  constructor(stack) {
    this.#stack = stack;
    this.#done = this.#run();
  }

  async stop() {
    this.#isStopped = true;
    await this.#done;
    const { count } = this.#latencies;
    const [p50Ms, p99Ms] = [0.5, 0.99].map((q) => this.#latencies.quantile(q));
    return { calls: count, p50Ms, p99Ms, failures: this.#failures };
  }

  async #run() {
    while (!this.#isStopped) {
      const startMs = performance.now();
      try {
        const response = await this.#stack.run('bob', 'good/hello');
        const text = await response.text();
        if (text !== 'hello') this.#failures.push(`${response.status} ${text.slice(0, 200)}`);
      } catch (error) {
        this.#failures.push(String(error));
      }
      this.#latencies.add(performance.now() - startMs);
      await wait(paceMs);
    }
  }
}
