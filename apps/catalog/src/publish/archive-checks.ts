import { type ExtractedMain, extractMain, type MainChecker } from '@proxylet/artifact';
import { Problem } from '@proxylet/contract';
import { onStorage } from '../database/storage-fault.js';
import type { StagedArchive } from './staging.js';

/**
 * Every check a new version must pass, none of which writes anything.
 *
 * @throws Problem `archive-*`, `manifest-*`, `main-*`
 */
export async function checkArchive(
  { file }: StagedArchive,
  name: string,
  version: string,
  checker: MainChecker,
): Promise<ExtractedMain> {
  const archive = await onStorage(() => extractMain(file));
  const { manifest } = archive;
  if (manifest.name !== name || manifest.version !== version) {
    const asked = `${name} ${version}`;
    throw new Problem(
      'manifest-mismatch',
      `The manifest is of ${manifest.name} ${manifest.version}, the address says ${asked}.`,
      {
        errors: [
          ...(manifest.name === name ? [] : [{ pointer: '/name', detail: `must be ${name}` }]),
          ...(manifest.version === version ? [] : [{ pointer: '/version', detail: `must be ${version}` }]),
        ],
      },
    );
  }
  if (Object.hasOwn(manifest.dependencies ?? {}, name)) {
    throw new Problem('manifest-invalid', `${name} depends on itself.`, {
      errors: [{ pointer: '/dependencies', detail: `must not name ${name} itself` }],
    });
  }
  await checker.check(archive.main, manifest.main);
  return archive;
}
