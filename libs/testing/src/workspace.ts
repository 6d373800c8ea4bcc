import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository. */
export const workspaceRoot = fileURLToPath(new URL('../../../', import.meta.url));

export function inWorkspace(path: string): string {
  return join(workspaceRoot, path);
}
