import { type Manifest, Problem } from '@proxylet/contract';

/** @throws Problem `manifest-mismatch`, `manifest-invalid` for a proxylet that depends on itself */
export function assertAddress(manifest: Manifest, name: string, version: string): void {
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
}
