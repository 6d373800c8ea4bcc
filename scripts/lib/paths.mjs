import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Ignored folder for what the scripts bring and note: the Node runtime, locks. */
export const toolFolder = join(root, '.node');
