import { until } from '@proxylet/testing';

/** Follows the change feed of one catalog by long polls from its beginning, and notes what is out of order in it. */
export class FeedReader {
  count = 0;
  #faults = [];
  #published = new Map();
  #last;
  #isOver = false;
  #done;

  constructor(url, authorization) {
    this.#done = this.#follow(url, authorization);
  }

  /** Waits for the versions that must have come, and gives the faults there were. */
  async end(expected) {
    const missing = new Set(expected);
    await until(
      () => {
        for (const key of this.#published.keys()) missing.delete(key);
        return missing.size === 0 || this.#isOver;
      },
      { what: `the feed to tell of ${missing.size} more versions`, timeoutMs: 30_000 },
    ).catch((error) => this.#faults.push(error.message));
    this.#isOver = true;
    await this.#done;
    for (const [key, times] of this.#published)
      if (times > 1) this.#faults.push(`the feed tells ${times} times of ${key}`);
    return this.#faults;
  }

  async #follow(url, authorization) {
    let since = '';
    try {
      while (!this.#isOver) {
        const response = await fetch(`${url}/v1/changes?limit=100&wait=1${since}`, {
          headers: { authorization },
        });
        if (!response.ok) throw new Error(`the feed answered ${response.status}: ${await response.text()}`);
        const page = await response.json();
        for (const item of page.items) this.#note(item);
        since = `&since=${page.last}`;
      }
    } catch (error) {
      this.#faults.push(error.message);
      this.#isOver = true;
    }
  }

  #note({ seq, kind, key }) {
    // The reader may see everything there is, so that nothing is left out between two numbers.
    if (this.#last !== undefined && seq !== this.#last + 1)
      this.#faults.push(`the feed goes from ${this.#last} to ${seq}`);
    this.#last = seq;
    this.count += 1;
    if (kind === 'version.published') this.#published.set(key, (this.#published.get(key) ?? 0) + 1);
  }
}
