import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** How long a code can be used, ms. */
const codeLivesMs = 15 * 60_000;
const fileSchema = z.strictObject({ digest: z.string(), expiresAtMs: z.number().finite() });

const fileOf = (folder: string): string => join(folder, 'break-glass.json');
const digestOf = (code: string): string => createHash('sha256').update(code).digest('hex');

/**
 * Makes a code that lets whoever reads this box's screen in once. A code made before is void.
 *
 * @param folder of the engine's state; only its hash is kept there
 */
export async function makeCode(folder: string, nowMs = Date.now()): Promise<string> {
  const code = randomBytes(16).toString('base64url');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = fileOf(folder);
  await writeFile(file, JSON.stringify({ digest: digestOf(code), expiresAtMs: nowMs + codeLivesMs }), {
    mode: 0o600,
  });
  await chmod(file, 0o600);
  return code;
}

/** Uses a code up; false where it is none, or is too old. Of two who come at once with the right one, one gets in. */
export async function useCode(folder: string, code: string, nowMs = Date.now()): Promise<boolean> {
  const kept = fileSchema.safeParse(await read(fileOf(folder)));
  if (!kept.success || kept.data.digest !== digestOf(code)) return false;
  try {
    await unlink(fileOf(folder));
  } catch {
    return false;
  }
  return nowMs < kept.data.expiresAtMs && nowMs > kept.data.expiresAtMs - 2 * codeLivesMs;
}

async function read(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    return undefined;
  }
}
