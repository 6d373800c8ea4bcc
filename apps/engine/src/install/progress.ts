/** What an install tells while it runs, in this order; `fetching` repeats as bytes come. */
export type Progress =
  | { readonly stage: 'resolving' }
  | {
      readonly stage: 'resolved';
      readonly proxylets: readonly {
        name: string;
        version: string;
        sizeBytes: number;
        warning?: string | undefined;
      }[];
    }
  | {
      readonly stage: 'fetching';
      readonly proxylet: string;
      readonly version: string;
      readonly receivedBytes: number;
      readonly totalBytes: number;
    }
  | {
      readonly stage: 'verified' | 'starting' | 'installed';
      readonly proxylet: string;
      readonly version: string;
    };

export type OnProgress = (progress: Progress) => void;

/** Passes on to everyone who joined, also what they missed of it. */
export class ProgressFan {
  private readonly listeners = new Set<OnProgress>();
  private last: Progress | undefined;

  readonly emit: OnProgress = (progress) => {
    this.last = progress;
    for (const listener of this.listeners) listener(progress);
  };

  join(listener: OnProgress): void {
    this.listeners.add(listener);
    if (this.last !== undefined) listener(this.last);
  }
}
