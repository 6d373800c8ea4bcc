import type { TestStack, User } from '@proxylet/testing';

/** Calls a proxylet again and again, one call at a time, until stopped. */
export class Watch {
  calls = 0;
  slowestMs = 0;
  readonly failures: string[] = [];
  /** Every text it was answered with. */
  readonly answers = new Set<string>();
  private isStopped = false;
  private readonly done: Promise<void>;

  constructor(
    private readonly stack: TestStack,
    private readonly user: User,
    private readonly name: string,
  ) {
    this.done = this.run();
  }

  /** Ends after the call under way. */
  async stop(): Promise<this> {
    this.isStopped = true;
    await this.done;
    return this;
  }

  private async run(): Promise<void> {
    while (!this.isStopped) {
      const startMs = performance.now();
      try {
        const response = await this.stack.run(this.user, this.name);
        const text = await response.text();
        this.answers.add(text);
        if (response.status !== 200) this.failures.push(`${response.status} ${text}`);
      } catch (error) {
        this.failures.push(String(error));
      }
      this.calls += 1;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
  }
}
