import { readFileSync } from 'node:fs';
import { pointerOf } from '@proxylet/contract';
import { exitCodes, ServiceFault } from '../service/service-fault.js';
import type { ConfigOf, Setting, Settings } from './settings.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Wrong configuration: every fault at once, each with the name of its variable and never with its value. */
export class ConfigFault extends ServiceFault {
  constructor(readonly faults: readonly string[]) {
    super(exitCodes.badConfiguration, `The configuration is not usable: ${faults.join('; ')}.`);
  }
}

const maxFileBytes = 1024 * 1024;

/**
 * Reads the settings from an environment. An empty variable counts as absent.
 *
 * @throws ConfigFault
 */
export function loadConfig<S extends Settings>(settings: S, env: Environment): ConfigOf<S> {
  const faults: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [key, definition] of Object.entries(settings)) {
    config[key] = readSetting(definition, env, faults);
  }
  if (faults.length > 0) throw new ConfigFault(faults);
  return config as ConfigOf<S>;
}

function readSetting(definition: Setting<unknown>, env: Environment, faults: string[]): unknown {
  const text = textOf(definition, env, faults);
  if (text === undefined) return undefined;
  const parsed = definition.type.safeParse(text);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const at = issue.path.length === 0 ? '' : ` at ${pointerOf(issue.path)}`;
    faults.push(`${definition.env}${at} ${issue.message.slice(0, 300)}`);
  }
  return undefined;
}

function textOf(definition: Setting<unknown>, env: Environment, faults: string[]): string | undefined {
  const own = present(env[definition.env]);
  const fileName = allowsFile(definition) ? present(env[`${definition.env}_FILE`]) : undefined;
  if (own !== undefined && fileName !== undefined) {
    faults.push(`${definition.env} and ${definition.env}_FILE are both set`);
    return undefined;
  }
  if (fileName !== undefined) return textOfFile(definition.env, fileName, faults);
  const text = own ?? definition.default;
  if (text === undefined && definition.optional !== true) faults.push(`${definition.env} must be set`);
  return text;
}

export function allowsFile({ secret, file }: Setting<unknown>): boolean {
  return secret === true || file === true;
}

function textOfFile(env: string, path: string, faults: string[]): string | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    if (text.length <= maxFileBytes) return text.replace(/\r?\n$/, '');
    faults.push(`${env}_FILE names a file of more than 1 MB`);
  } catch {
    faults.push(`${env}_FILE names a file that cannot be read`);
  }
  return undefined;
}

function present(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
