import type { Answer, Caller } from './catalog-under-test.js';

/** Every kind of caller there is, in the order of the columns below. */
export const kinds = [
  'anonymous',
  'user',
  'foreign owner',
  'reader',
  'group reader',
  'publisher',
  'maintainer',
  'owner',
  'admin',
  'engine',
  'token within',
  'token elsewhere',
] as const;
export type Kind = (typeof kinds)[number];

export const soon = () => new Date(Date.now() + 3_600_000).toISOString();
export const engineProfile = { runtimes: [{ type: 'isolate', version: '1.3.0' }] };

/** Digests of what the fixture published, by name. */
export type Digests = Readonly<Record<string, string>>;

export interface Row {
  readonly route: string;
  /** `prepared` is the answer to `before`, where there is one. */
  readonly call: (caller: Caller, digests: Digests, prepared: Answer | undefined) => Promise<Answer>;
  /** What an admin does before each call, so that all callers find the same. */
  readonly before?: (admin: Caller) => Promise<Answer>;
  /** Statuses in the order of `kinds`. */
  readonly expected: readonly number[];
}
