import type { ProblemCode } from '@proxylet/contract';

/** A handler body that does harm, and the problem codes that answer it clearly. */
export interface Attack {
  readonly name: string;
  /** Statements of `attack(request, env, ctx)`. */
  readonly code: string;
  readonly answers: readonly ProblemCode[];
  /** Where they differ from those of its kind. */
  readonly limits?: object;
}

/** A proxylet that answers `calm` at /calm and attacks at /attack. */
export function attackSource({ code }: Pick<Attack, 'code'>): string {
  return `async function attack(request, env, ctx) {
${code}
}
export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    return pathname === '/attack' ? attack(request, env, ctx) : new Response('calm');
  },
};`;
}

/** A CPU limit that takes a moment to break; on a busy machine no other limit may come first. */
export const cpuAttackLimits = { memoryMb: 32, cpuMs: 250, timeoutMs: 20_000 };

/** The same for what fills memory. */
export const memoryAttackLimits = { memoryMb: 32, cpuMs: 5000, timeoutMs: 20_000 };

/** The same for what only waits. */
export const idleAttackLimits = { memoryMb: 32, cpuMs: 5000, timeoutMs: 4000 };
