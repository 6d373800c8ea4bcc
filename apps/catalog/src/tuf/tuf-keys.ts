import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { keyIdOf, publicKeyOf, type PublicKey } from '@proxylet/artifact';
import type { EntityManager } from 'typeorm';
import { TufKeyRow, type TufRole, tufRoles } from '../database/tuf.entity.js';
import type { SecretBox } from '../sealing/secret-box.js';

/** A key with what others know it by. */
export interface SigningKey {
  readonly secret: KeyObject;
  readonly publicKey: PublicKey;
  readonly id: string;
}
export type TufKeys = Readonly<Record<TufRole, SigningKey>>;

/** What the key of a role is sealed for. */
export function placeOfTufKey(role: TufRole): string {
  return `tuf key ${role}`;
}

/** Keys of this catalog, made at the first call. @throws CannotOpen where they were sealed under a key that is lost */
export async function tufKeys(manager: EntityManager, box: SecretBox, at: string): Promise<TufKeys> {
  const rows = new Map((await manager.find(TufKeyRow)).map((row) => [row.role, row.secret]));
  const keys: Partial<Record<TufRole, SigningKey>> = {};
  for (const role of tufRoles) {
    const sealed = rows.get(role);
    keys[role] = keyOf(
      sealed === undefined ? await make(manager, box, role, at) : box.open(sealed, placeOfTufKey(role)),
    );
  }
  return keys as TufKeys;
}

async function make(
  manager: EntityManager,
  box: SecretBox,
  role: TufRole,
  createdAt: string,
): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = String(privateKey.export({ format: 'pem', type: 'pkcs8' }));
  await manager.insert(TufKeyRow, { role, secret: box.seal(pem, placeOfTufKey(role)), createdAt });
  return pem;
}

function keyOf(pem: string): SigningKey {
  const secret = createPrivateKey(pem);
  const publicKey = publicKeyOf(secret);
  return { secret, publicKey, id: keyIdOf(publicKey) };
}
