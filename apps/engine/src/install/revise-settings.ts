import { isDeepStrictEqual } from 'node:util';
import type { Installation } from '../installations/installation.js';
import type { Revision } from './changes.js';
import { assertSettings, type Settings } from './config-schema.js';

/**
 * The revision that gives an installation these settings in place of all others.
 *
 * @param config undefined goes back to the defaults
 * @returns undefined where they are its settings already
 * @throws Problem `invalid-request` with a pointer below `/body/config` for each fault
 */
export function revisedSettings(
  { manifest, config: before }: Installation,
  config: Settings | undefined,
): Revision | undefined {
  assertSettings(manifest, config);
  if (isDeepStrictEqual(before, config)) return undefined;
  return { reason: 'settings changed', settings: { config } };
}
