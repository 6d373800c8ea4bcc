/** What the engine tells a runner about itself, as JSON in its command line. */
export interface RunnerSettings {
  /** Whether its guests have WebAssembly. */
  readonly hasWasm: boolean;
  /** Isolates kept ready for guests to come, and the memory limit of the first ones, MB. */
  readonly blanks: { readonly count: number; readonly memoryMb: number };
  readonly pace: PaceLimits;
  readonly recycle: RecycleLimits;
}

/** When guests are trusted with the runner's own thread, and when they are too much for their neighbours. */
export interface PaceLimits {
  /** Calls without a slow entry after which entries are made on the runner's own thread; 0 for never. */
  readonly syncAfterCalls: number;
  /** CPU time from which an entry is slow, ms. */
  readonly slowMs: number;
  /** CPU time of slow entries, ms, that a guest may save up and use at once before it counts as heavy. */
  readonly heavyMs: number;
}

/** When an isolate is replaced by a fresh one. */
export interface RecycleLimits {
  /** Share of its memory in use, 0 to 1. */
  readonly heapShare: number;
  readonly calls: number;
  readonly ageMs: number;
}
