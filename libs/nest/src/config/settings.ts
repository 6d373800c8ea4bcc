import { resolve } from 'node:path';
import { z } from 'zod';
import { parseKeys } from '../sealing/sealing-key.js';

/** How the text of an environment variable becomes a value. */
export type SettingType<T> = z.ZodType<T, string>;

/** One option of a service. */
export interface Setting<T> {
  /** Name of the environment variable. */
  readonly env: string;
  readonly type: SettingType<T>;
  /** What a user would write to get the default; parsed like the user's own text. */
  readonly default?: string;
  /** A setting without default that may be left out. */
  readonly optional?: boolean;
  /** For the reference: what happens where an optional setting is left out. */
  readonly defaultText?: string;
  readonly description: string;
  /** May also be given as a file named by `<env>_FILE`; its value is shown nowhere. */
  readonly secret?: boolean;
  /** As for a secret, the value may come from a file named by `<env>_FILE`. */
  readonly file?: boolean;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type ConfigOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

type Described<T> = Omit<Setting<T>, 'optional' | 'default'>;

export function setting<T>(definition: Described<T> & { readonly optional: true }): Setting<T | undefined>;
export function setting<T>(definition: Described<T> & { readonly default?: string }): Setting<T>;
export function setting<T>(definition: Setting<T>): Setting<T> {
  return definition;
}

/** Types of settings; each says in one phrase what it wants and never repeats what it got. */
export const value = {
  text: ({ min = 1, max = 4096 }: { min?: number; max?: number } = {}): SettingType<string> =>
    z
      .string()
      .min(min, `must have at least ${min} characters`)
      .max(max, `must have at most ${max} characters`),
  int: ({
    min = 0,
    max = Number.MAX_SAFE_INTEGER,
  }: {
    min?: number;
    max?: number;
  } = {}): SettingType<number> =>
    z
      .string()
      .refine((text) => /^-?\d{1,16}$/.test(text) && Number(text) >= min && Number(text) <= max, {
        message: `must be a whole number from ${min} to ${max}`,
      })
      .transform(Number),
  flag: (): SettingType<boolean> =>
    z
      .enum(['1', '0', 'true', 'false'], 'must be true or false')
      .transform((text) => text === '1' || text === 'true'),
  url: (): SettingType<string> =>
    z
      .string()
      .refine(isPlainUrl, 'must be an http or https address without user, query and fragment')
      .transform((text) => text.replace(/\/$/, '')),
  /** A path; one that is not absolute counts from the working folder. */
  path: (): SettingType<string> =>
    z
      .string()
      .max(4096)
      .transform((text) => resolve(text)),
  /** Keys to seal with, the first in use. */
  sealingKeys: (): SettingType<readonly Buffer[]> =>
    z.string().transform((text, context) => {
      const keys = parseKeys(text);
      if (keys !== undefined) return keys;
      context.addIssue({
        code: 'custom',
        message: 'must be a key of 32 bytes in base64, or several apart by blanks or commas',
      });
      return z.NEVER;
    }),
  oneOf: <const T extends readonly [string, ...string[]]>(...options: T): SettingType<T[number]> =>
    z.enum(options, `must be one of ${options.join(', ')}`),
  json: <T>(schema: z.ZodType<T>): SettingType<T> => z.string().transform(parseJson).pipe(schema),
} as const;

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:';
  return isWeb && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
}

function parseJson(text: string, context: z.RefinementCtx<string>): unknown {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'must be JSON' });
    return z.NEVER;
  }
}
