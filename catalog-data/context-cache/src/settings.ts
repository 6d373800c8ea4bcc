import { Refusal } from '../../shared/problem.js';

export interface Settings {
  readonly broker: string;
  readonly maxAgeSeconds: number;
  readonly staleSeconds: number;
  readonly timeoutSeconds: number;
}

/** Without user, query or fragment. The engine checks types and ranges of settings, not patterns. */
const brokerPattern = /^https?:\/\/[^\s?#@]+$/;

/**
 * Reads `env.CONFIG`.
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
  if (typeof broker !== 'string' || !brokerPattern.test(broker)) {
    const detail = 'The setting broker of this installation is not an http(s) address yet.';
    throw new Refusal(503, 'not-configured', detail);
  }
  return { broker: broker.replace(/\/+$/, ''), maxAgeSeconds, staleSeconds, timeoutSeconds };
}
