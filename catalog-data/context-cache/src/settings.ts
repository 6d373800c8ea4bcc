import { Refusal } from '../../shared/problem.js';

export interface Settings {
  readonly broker: string;
  readonly maxAgeSeconds: number;
  readonly staleSeconds: number;
  readonly timeoutSeconds: number;
}

/**
 * Reads `env.CONFIG`, which the engine has checked against the manifest.
 *
 * @throws Refusal `not-configured` as long as nobody has named a broker
 */
export function settingsOf(config: unknown): Settings {
  const {
    broker,
    maxAgeSeconds = 5,
    staleSeconds = 86_400,
    timeoutSeconds = 5,
  } = (config ?? {}) as Partial<Settings>;
  if (broker === undefined) {
    throw new Refusal(503, 'not-configured', 'This installation has no broker in its configuration yet.');
  }
  return { broker: broker.replace(/\/+$/, ''), maxAgeSeconds, staleSeconds, timeoutSeconds };
}
