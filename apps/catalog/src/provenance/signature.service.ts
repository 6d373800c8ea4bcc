import { Inject } from '@nestjs/common';
import { type Envelope, verifyPublication } from '@proxylet/artifact';
import type { Principal } from '@proxylet/auth';
import { parseName, Problem } from '@proxylet/contract';
import { type EntityManager, In } from 'typeorm';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { SigningKeyRow, VersionSignatureRow } from '../database/provenance.entity.js';
import { statement } from '../database/sql.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { needVersion, readVersion } from '../proxylet/version-queries.js';
import type { ReadRights } from '../rights/read-rights.js';
import type { SignatureView } from './provenance.schemas.js';
import { publicKeyOfRow, topicOf } from './signing-key.service.js';

/** What is kept of a version changes with it: readers that keep answers look at the number. */
const touch = statement<{ id: number }>(
  'UPDATE proxylet SET revision = revision + 1 WHERE id = $1 RETURNING id',
);

/** Signatures of publishers under versions. */
export class SignatureService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Takes signatures by keys of the namespace that are active. The same again changes nothing.
   *
   * @returns whether any is new
   * @throws Problem `not-found`, `forbidden`, `signature-invalid`
   */
  async sign(name: string, version: string, envelope: Envelope, principal: Principal): Promise<boolean> {
    const target = parseName(name);
    const { namespace } = target;
    return await this.database.write([topicOf(namespace), `proxylet ${name}`], async (manager) => {
      await this.namespaces.authorizeOn(principal, 'catalog.publish', name, manager);
      const row = await needVersion(manager, target, version);
      const keys = await manager.findBy(SigningKeyRow, { namespace, state: 'active' });
      const known = new Map(keys.map((key) => [key.keyId, publicKeyOfRow(key)]));
      const publication = { name, version: row.version, digest: row.digest };
      const signers = verifyPublication(envelope, publication, known);
      const before = new Set(await signersOf(manager, row.id));
      const fresh = signers.filter((keyId) => !before.has(keyId));
      if (fresh.length === 0) return false;
      const signedAt = this.clock.now();
      for (const keyId of fresh) {
        const kept = {
          ...envelope,
          signatures: envelope.signatures.filter(({ keyid }) => keyid === keyId).slice(0, 1),
        };
        await manager.insert(VersionSignatureRow, {
          versionId: row.id,
          keyId,
          envelope: JSON.stringify(kept),
          signedAt,
        });
      }
      await touch(manager, [row.proxyletId]);
      await writeAudit(manager, {
        at: signedAt,
        actor: principal.key,
        action: 'version.sign',
        target: `${name}@${row.version}`,
        detail: { keyIds: fresh, digest: row.digest },
      });
      return true;
    });
  }

  /** In the order they came. @throws Problem `not-found` */
  async list(
    name: string,
    version: string,
    reader: ReadRights,
  ): Promise<{ readonly items: SignatureView[] }> {
    const { read } = this.database;
    const { namespace } = parseName(name);
    const { id } = await readVersion(read, reader, parseName(name), version);
    const rows = await read.find(VersionSignatureRow, {
      where: { versionId: id },
      order: { signedAt: 'ASC', keyId: 'ASC' },
    });
    const keys = await read.findBy(SigningKeyRow, { namespace, keyId: In(rows.map(({ keyId }) => keyId)) });
    const states = new Map(keys.map(({ keyId, state }) => [keyId, state]));
    return { items: rows.map((row) => viewOf(row, states)) };
  }
}

const findSigners = statement<{ key_id: string }>(
  'SELECT key_id FROM version_signature WHERE version_id = $1 ORDER BY signed_at, key_id',
);

/** Ids of the keys that signed a version, in the order they did. */
export async function signersOf(manager: EntityManager, versionId: number): Promise<string[]> {
  return (await findSigners(manager, [versionId])).map(({ key_id }) => key_id);
}

function viewOf(
  { keyId, envelope, signedAt }: VersionSignatureRow,
  states: ReadonlyMap<string, SigningKeyRow['state']>,
): SignatureView {
  const keyState = states.get(keyId);
  if (keyState === undefined) throw new Problem('internal', 'A signature is by a key that is not there.');
  return { keyId, keyState, signedAt, envelope: JSON.parse(envelope) as Envelope };
}
