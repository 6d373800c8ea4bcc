import { allowsFile } from './load-config.js';
import type { Settings } from './settings.js';

/** One row of the configuration reference. */
export interface SettingRow {
  readonly env: string;
  /** In words; empty where the setting must be given. */
  readonly default: string;
  readonly description: string;
  readonly isSecret: boolean;
  /** Name of the variable that names a file with the value. */
  readonly fileEnv: string | undefined;
}

export function describeConfig(settings: Settings): SettingRow[] {
  return Object.values(settings).map((definition) => ({
    env: definition.env,
    default: definition.default ?? definition.defaultText ?? (definition.optional === true ? 'none' : ''),
    description: definition.description,
    isSecret: definition.secret === true,
    fileEnv: allowsFile(definition) ? `${definition.env}_FILE` : undefined,
  }));
}

/** The rows as a Markdown table, for `docs/configuration.md`. */
export function configMarkdown(settings: Settings): string {
  const rows = describeConfig(settings).map((row) => {
    const fallback = row.default === '' ? 'must be set' : code(row.default);
    const file = row.fileEnv === undefined ? '' : ` Also as a file: ${code(row.fileEnv)}.`;
    return `| ${code(row.env)} | ${fallback} | ${row.description.replaceAll('|', '\\|')}${file} |`;
  });
  return ['| Variable | Default | Meaning |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}
