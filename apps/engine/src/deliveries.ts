import { Problem } from '@proxylet/contract';
import type { GuestEvent, Sandbox } from '@proxylet/sandbox';
import type { Active } from './installations/active.js';

/** Tells installations of events: counted, timed and limited as calls are. */
export class Deliveries {
  constructor(private readonly sandbox: () => Pick<Sandbox, 'deliver'>) {}

  /** @returns the problem it ended with; undefined where all went well */
  async deliver(active: Active, event: GuestEvent): Promise<Problem | undefined> {
    const startedMs = performance.now();
    active.entered();
    let problem: Problem | undefined;
    try {
      await this.sandbox().deliver(active.guest, event);
      active.ran();
    } catch (error) {
      problem = active.fault ?? (error instanceof Problem ? error : unexpected(error));
    } finally {
      active.left();
    }
    active.stats.add(problem?.code ?? 'ok', (performance.now() - startedMs) / 1000);
    return problem;
  }
}

function unexpected(cause: unknown): Problem {
  return new Problem('internal', 'Something broke on our side.', { cause });
}
