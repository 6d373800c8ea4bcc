/** Wakes whoever waits for changes that were committed, here or by another catalog on the same database. */
export class ChangeSignal {
  private waiting = Promise.withResolvers<void>();

  /** Resolves when something may have changed after this call. */
  next(): Promise<void> {
    return this.waiting.promise;
  }

  fire(): void {
    const { resolve } = this.waiting;
    this.waiting = Promise.withResolvers<void>();
    resolve();
  }
}
