/** Lines of one kind written within a window. */
const maxLines = 50;
const windowMs = 10_000;
/** Kinds are problem codes; more than there are of these would be a fault of ours. */
const maxKinds = 200;

interface Window {
  endsAtMs: number;
  written: number;
  left: number;
}

/**
 * Keeps a flood of refusals from becoming a flood of log lines: of one kind 50 within 10 s are written, and how many
 * were left out stands in the first line after that.
 */
export class RefusalLines {
  readonly #windows = new Map<string, Window>();

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Undefined: leave this line out. Else the number of lines left out before it. */
  admit(kind: string): number | undefined {
    const now = this.now();
    let window = this.#windows.get(kind);
    if (window === undefined) {
      if (this.#windows.size >= maxKinds) return undefined;
      window = { endsAtMs: now + windowMs, written: 0, left: 0 };
      this.#windows.set(kind, window);
    }
    if (now < window.endsAtMs && window.written >= maxLines) {
      window.left += 1;
      return undefined;
    }
    const { left } = window;
    if (now >= window.endsAtMs) Object.assign(window, { endsAtMs: now + windowMs, written: 0, left: 0 });
    window.written += 1;
    return left;
  }
}
