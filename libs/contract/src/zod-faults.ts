import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import type { ProblemFault } from './problem.js';

/**
 * Turns a schema's issues into faults with JSON pointers. `knownKeys` are the members of the top level, for the
 * "did you mean" of an unknown key.
 */
export function faultsOf(error: z.ZodError, knownKeys: readonly string[] = []): ProblemFault[] {
  return error.issues.flatMap((issue) => {
    const at = pointerOf(issue.path);
    if (issue.code !== 'unrecognized_keys') return [{ pointer: at, detail: issue.message }];
    return issue.keys.map((key) => {
      const near = issue.path.length === 0 ? nearest(key, knownKeys) : undefined;
      const hint = near === undefined ? '' : `; did you mean ${near}?`;
      return { pointer: `${at}${pointerOf([key.slice(0, 100)])}`, detail: `is not a known key${hint}` };
    });
  });
}

/** RFC 6901: `~` and `/` inside a segment are escaped. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

function nearest(key: string, known: readonly string[]): string | undefined {
  if (key.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(key.length / 2)) + 1;
  for (const candidate of known) {
    const d = distance(key.toLowerCase(), candidate.toLowerCase());
    if (d < bestDistance) {
      best = candidate;
      bestDistance = d;
    }
  }
  return best;
}
