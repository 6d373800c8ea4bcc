import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { z } from 'zod';
import { makePrivateFolder, readIfThere, writeSecretFile } from '../files.js';
import { exitCodes, Stop } from '../stop.js';

const keysSchema = z.object({
  /** Private RS256 keys; the first one signs. */
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), d: z.string() })).min(1),
});
const cookieKeysSchema = z.array(z.string().min(32)).min(1);

export interface IdmKeys {
  readonly jwks: { readonly keys: JWK[] };
  readonly cookieKeys: string[];
}

/** Reads the keys of `<state>/idm`, or makes them at the first start: tokens stay good across restarts. */
export async function loadKeys(folder: string): Promise<IdmKeys> {
  await makePrivateFolder(folder);
  const [jwks, cookieKeys] = await Promise.all([
    loadOrMake(join(folder, 'jwks.json'), keysSchema, makeSigningKeys),
    loadOrMake(join(folder, 'cookie-keys.json'), cookieKeysSchema, () => Promise.resolve([randomSecret()])),
  ]);
  return { jwks, cookieKeys };
}

/** Reads a shared secret from its file, or makes the file with a new one. */
export async function loadSecret(path: string): Promise<string> {
  await makePrivateFolder(dirname(path));
  const secret = await readIfThere(path);
  if (secret !== undefined && secret.trim() !== '') return secret.trim();
  const made = randomSecret();
  await writeSecretFile(path, `${made}\n`);
  return made;
}

async function loadOrMake<T>(path: string, schema: z.ZodType<T>, make: () => Promise<T>): Promise<T> {
  const text = await readIfThere(path);
  if (text === undefined) {
    const made = await make();
    await writeSecretFile(path, `${JSON.stringify(made)}\n`);
    return made;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // Neither the text nor the parser's words are shown: they hold private keys.
    throw new Stop(exitCodes.usage, `${path} is damaged: delete it to have new keys made at the next start.`);
  }
}

async function makeSigningKeys(): Promise<z.output<typeof keysSchema>> {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  const jwk = await exportJWK(privateKey);
  return keysSchema.parse({
    keys: [{ ...jwk, kid: randomBytes(9).toString('base64url'), use: 'sig', alg: 'RS256' }],
  });
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url');
}
