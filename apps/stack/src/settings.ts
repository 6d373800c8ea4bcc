import { z } from 'zod';
import { exitCodes, Stop } from './stop.js';

/** One setting: how it is named in the environment, what it is without, and its line in the reference. */
export interface Setting<T> {
  readonly env: string;
  /** As a user would write it; undefined where it may stay unset or is worked out. */
  readonly default?: string | undefined;
  /** Shown in the reference in place of the default. */
  readonly defaultText?: string | undefined;
  readonly type: z.ZodType<T, string | undefined>;
  readonly description: string;
}

export function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ValuesOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

export const portText = z
  .string()
  .regex(/^[0-9]{1,5}$/, 'must be a port, 0 to 65535')
  .transform(Number)
  .refine((port) => port <= 65_535, 'must be a port, 0 to 65535');

export const urlText = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:\/\//.test(text), 'must be an http or https URL')
  .transform((text) => text.replace(/\/+$/, ''));

export const flagText = z
  .enum(['1', '0', 'true', 'false'], 'must be 1 or 0')
  .transform((text) => text === '1' || text === 'true');

/** Text that holds JSON of the given shape. */
export function jsonText<T>(schema: z.ZodType<T>): z.ZodType<T, string> {
  return z.string().transform((text, context): T => {
    const parsed = schema.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    context.addIssue({ code: 'custom', message: 'must be JSON of the documented shape' });
    return z.NEVER;
  });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Reads settings from an environment. An empty value counts as unset.
 *
 * @throws Stop 64, naming every fault at once; values are not shown, for a bad one may be a password
 */
export function readSettings<S extends Settings>(settings: S, environment: NodeJS.ProcessEnv): ValuesOf<S> {
  const faults: string[] = [];
  const values = Object.entries(settings).map(([key, { env, default: fallback, type }]) => {
    const text = environment[env] === '' ? undefined : environment[env];
    const parsed = type.safeParse(text ?? fallback);
    if (!parsed.success) faults.push(`${env} ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
    return [key, parsed.data];
  });
  if (faults.length > 0) throw new Stop(exitCodes.usage, `Wrong configuration: ${faults.join('; ')}.`);
  return Object.fromEntries(values) as ValuesOf<S>;
}
