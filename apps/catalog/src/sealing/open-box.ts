import { join } from 'node:path';
import { exitCodes, type Log, makeKeyFile, readKeyFile, ServiceFault } from '@proxylet/nest';
import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import { SealingKeyRow, WebhookRow } from '../database/webhook.entity.js';
import { TufDocumentRow, TufKeyRow, TufStateRow } from '../database/tuf.entity.js';
import { placeOfTufKey } from '../tuf/tuf-keys.js';
import { SecretBox, sealedUnder } from './secret-box.js';

export interface BoxParts {
  readonly database: Database;
  /** The catalog's own state folder. */
  readonly folder: string;
  /** Keys of the settings, the first in use. */
  readonly given: readonly Buffer[] | undefined;
  readonly log: Log;
}

/**
 * The box for what lies sealed in this database. Seals what lay there open, or under a key that another one follows.
 *
 * @throws ServiceFault where no key was given and the secrets were sealed by a catalog with another key file
 */
export async function openSecretBox({ database, folder, given, log }: BoxParts): Promise<SecretBox> {
  const file = join(folder, 'secrets.key');
  const box = new SecretBox(given ?? (await readKeyFile(file)) ?? (await makeKeyFile(file)));
  await database.write(['sealing', 'webhooks'], async (manager) => {
    const row = await manager.findOneBy(SealingKeyRow, { id: 1 });
    if (row !== null && !box.has(row.keyId)) {
      if (given === undefined) throw otherKey(row.keyId);
      log.warn(
        { keyId: row.keyId },
        'secrets sealed under an earlier key cannot be read; their webhooks need to be made anew, and readers of signed metadata given the new root',
      );
      await forgetTufKeys(manager, box);
    }
    await sealAgain(manager, box);
    await sealTufKeysAgain(manager, box);
    if (row?.keyId !== box.keyId)
      await manager.save(SealingKeyRow, { id: 1, keyId: box.keyId, since: new Date().toISOString() });
  });
  return box;
}

/** What a webhook's secret is sealed for. */
export function placeOfWebhook(id: string): string {
  return `webhook ${id}`;
}

async function sealAgain(manager: EntityManager, box: SecretBox): Promise<void> {
  for (const { id, secret } of await manager.find(WebhookRow, { select: { id: true, secret: true } })) {
    const keyId = sealedUnder(secret);
    if (keyId === box.keyId || (keyId !== undefined && !box.has(keyId))) continue;
    const place = placeOfWebhook(id);
    const open = keyId === undefined ? secret : box.open(secret, place);
    await manager.update(WebhookRow, id, { secret: box.seal(open, place) });
  }
}

/** What nobody can sign with any more; the next round of signing begins with keys and a root of its own. */
async function forgetTufKeys(manager: EntityManager, box: SecretBox): Promise<void> {
  const rows = await manager.find(TufKeyRow);
  if (rows.every(({ secret }) => box.has(sealedUnder(secret) ?? ''))) return;
  for (const entity of [TufKeyRow, TufDocumentRow, TufStateRow])
    await manager.createQueryBuilder().delete().from(entity).execute();
}

/** Keys that the catalog signs with. */
async function sealTufKeysAgain(manager: EntityManager, box: SecretBox): Promise<void> {
  for (const { role, secret } of await manager.find(TufKeyRow)) {
    const keyId = sealedUnder(secret);
    if (keyId === undefined || keyId === box.keyId || !box.has(keyId)) continue;
    const place = placeOfTufKey(role);
    await manager.update(TufKeyRow, role, { secret: box.seal(box.open(secret, place), place) });
  }
}

function otherKey(keyId: string): ServiceFault {
  return new ServiceFault(
    exitCodes.badConfiguration,
    `The secrets in this database are sealed under the key ${keyId}, which is not in the state folder of this catalog. ` +
      'Where several catalogs share the database, give all of them the same PROXYLET_CATALOG_SECRETS_KEY; ' +
      'it is the text of the file secrets.key in the state folder of the first one. ' +
      'If the key is lost, give a new one: webhooks then have to be made anew.',
  );
}
