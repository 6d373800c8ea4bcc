import type { ProblemCode } from '@proxylet/contract';

/** What a guest can break, as logs and metrics name it. */
export const limitNames = [
  'cpu',
  'cpu-rate',
  'time',
  'memory',
  'subrequests',
  'depth',
  'headers',
  'body',
  'response',
  'log',
  'kv',
  'timers',
  'operations',
] as const;
export type LimitName = (typeof limitNames)[number];

/** The problem a call is answered with that a breach ended. Whoever catches the error of one goes on. */
export const problemOfLimit = {
  cpu: 'cpu-limit',
  'cpu-rate': 'cpu-rate-limit',
  time: 'time-limit',
  memory: 'memory-limit',
  subrequests: 'subrequest-limit',
  depth: 'depth-limit',
  headers: 'header-limit',
  body: 'body-too-large',
  response: 'response-too-large',
  kv: 'kv-limit',
  timers: 'timer-limit',
  operations: 'operation-limit',
} as const satisfies Readonly<Record<Exclude<LimitName, 'log'>, ProblemCode>>;

/** Breaches that only the engine's side sees, by the problem it answers with. */
const seenHere: ReadonlyMap<ProblemCode, LimitName> = new Map(
  (['cpu', 'time', 'memory', 'body', 'response'] as const).map((name) => [problemOfLimit[name], name]),
);

export function limitSeenHere(code: ProblemCode): LimitName | undefined {
  return seenHere.get(code);
}

const names = new Set<string>(limitNames);

export function isLimitName(text: string): text is LimitName {
  return names.has(text);
}
