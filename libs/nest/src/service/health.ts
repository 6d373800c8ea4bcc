export type HealthCheck = () => unknown;

export interface HealthReport {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly reason?: string }>>;
  /** What is worth knowing beside; none of it makes the service unready. */
  readonly details: Readonly<Record<string, object>>;
}

const checkTimeoutMs = 3000;

/** What must be up for the service to be of use; each check says in one sentence why it is not. */
export class HealthChecks {
  readonly #checks = new Map<string, HealthCheck>();
  readonly #details = new Map<string, () => object>();

  /** @param check throws where the thing is down; its message is shown to everybody, so no secret in it */
  add(name: string, check: HealthCheck): void {
    if (this.#checks.has(name)) throw new Error(`There are two health checks named ${name}.`);
    this.#checks.set(name, check);
  }

  /** @param read gives what is shown to everybody under the name: words, no reasons, no secret */
  tell(name: string, read: () => object): void {
    this.#details.set(name, read);
  }

  async report(): Promise<HealthReport> {
    const results = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await outcome(check)] as const),
    );
    const details = Object.fromEntries([...this.#details].map(([name, read]) => [name, read()]));
    return { ready: results.every(([, { ok }]) => ok), checks: Object.fromEntries(results), details };
  }
}

async function outcome(check: HealthCheck): Promise<{ ok: boolean; reason?: string }> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`no answer within ${checkTimeoutMs} ms`));
  }, checkTimeoutMs);
  try {
    await Promise.race([Promise.resolve().then(check), late]);
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message.slice(0, 300) : 'failed' };
  } finally {
    clearTimeout(timer);
  }
}
