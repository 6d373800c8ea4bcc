import type { Guest } from '../types.js';
import type { LoadMessage } from '../wire/messages.js';
import type { Earned } from './trusted.js';

/** What a runner is told of a guest, but for its code. */
export function loadMessageOf(guest: Guest, filename: string, earned: Earned): string {
  const { limits, bindings, name, version } = guest;
  const message: LoadMessage = {
    filename,
    ...earned,
    ...limits,
    ...bindings,
    dependencies: Object.keys(bindings.dependencies),
    installation: { name, version },
  };
  return JSON.stringify(message);
}
