import { Problem } from '@proxylet/contract';
import type { Guest, RunnerEnd } from '../types.js';

export const lostDetail = 'The process that ran the proxylet ended; the call may be tried again.';

function lost(): Problem {
  return new Problem('runner-lost', lostDetail, { retryAfterSeconds: 1 });
}

/** What the calls of the guest are told that ran when its runner ended. */
export function culpritProblem(end: RunnerEnd, guest: Guest): Problem {
  switch (end) {
    case 'memory':
      return new Problem('memory-limit', `It used more than its ${guest.limits.memoryMb} MB of memory.`, {
        retryAfterSeconds: 1,
      });
    case 'hang':
      return new Problem(
        'cpu-limit',
        `It could not be stopped at its ${guest.limits.cpuMs} ms of CPU time and was killed.`,
      );
    case 'crash':
    case 'protocol':
    case 'killed':
    case 'stopped':
      return lost();
    default:
      return end satisfies never;
  }
}
