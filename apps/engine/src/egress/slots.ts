/** At most `max` at once; further ones wait in line, at most `maxWaiting` of them. */
export class Slots {
  private used = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    private readonly max: number,
    private readonly maxWaiting: number,
  ) {}

  /**
   * Waits for a slot and answers how to give it back; giving back twice does no harm.
   *
   * @throws the signal's reason when it aborts while waiting; `undefined` is answered when the line is full
   */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    signal.throwIfAborted();
    if (this.used >= this.max) {
      if (this.waiting.length >= this.maxWaiting) return undefined;
      await this.wait(signal);
    } else {
      this.used += 1;
    }
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      this.give();
    };
  }

  get isIdle(): boolean {
    return this.used === 0 && this.waiting.length === 0;
  }

  /** The slot passes straight to whoever waits longest, so the count stays as it is. */
  private give(): void {
    const next = this.waiting.shift();
    if (next === undefined) this.used -= 1;
    else next();
  }

  private wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(signal.reason as Error);
      };
      this.waiting.push(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }
}
