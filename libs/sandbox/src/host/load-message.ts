import type { Guest } from '../types.js';
import type { LoadMessage, Trust } from '../wire/messages.js';

/** What a runner is told of a guest, but for its code. */
export function loadMessageOf(guest: Guest, filename: string, trust: Trust): string {
  const { limits, bindings, name, version } = guest;
  const message: LoadMessage = {
    filename,
    trust,
    ...limits,
    ...bindings,
    dependencies: Object.keys(bindings.dependencies),
    installation: { name, version },
  };
  return JSON.stringify(message);
}
