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
