import { createPublicKey } from 'node:crypto';
import { Inject } from '@nestjs/common';
import { isSoundKey, keyIdOf, type PublicKey, publicKeyOf, publicKeySchema } from '@proxylet/artifact';
import type { Principal } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { NamespaceRow } from '../database/namespace.entity.js';
import { type SigningKeyState, signingKeyStates, SigningKeyRow } from '../database/provenance.entity.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import type { KeyChange, NewKey, SigningKeyView } from './provenance.schemas.js';

const maxKeys = 50;

/** Keys that publishers of a namespace sign with: its owners say which. */
export class SigningKeyService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** For whoever checks signatures. @throws Problem `not-found` */
  async list(namespace: string): Promise<{ readonly items: SigningKeyView[] }> {
    const { read } = this.database;
    if (!(await read.existsBy(NamespaceRow, { name: namespace })))
      throw new Problem('not-found', `There is no namespace ${namespace}.`);
    const rows = await read.find(SigningKeyRow, {
      where: { namespace },
      order: { createdAt: 'ASC', keyId: 'ASC' },
    });
    return { items: rows.map(viewOf) };
  }

  /**
   * The same key again changes nothing.
   *
   * @throws Problem `not-found`, `forbidden`, `invalid-request` for no Ed25519 key or one that was ended, `quota-exceeded`
   */
  async add(
    namespace: string,
    { publicKey: text, label }: NewKey,
    principal: Principal,
  ): Promise<{ readonly view: SigningKeyView; readonly isNew: boolean }> {
    const publicKey = parseKey(text);
    const keyId = keyIdOf(publicKey);
    return await this.database.write(topicOf(namespace), async (manager) => {
      await this.namespaces.authorize(principal, 'catalog.manage-namespace', namespace, manager);
      const before = await manager.findOneBy(SigningKeyRow, { namespace, keyId });
      if (before?.state === 'active') return { view: viewOf(before), isNew: false };
      if (before !== null) throw notAKey(`was ${before.state}, and a key that ended never comes back`);
      if ((await manager.countBy(SigningKeyRow, { namespace })) >= maxKeys)
        throw new Problem('quota-exceeded', `A namespace has at most ${maxKeys} keys.`);
      const at = this.clock.now();
      const row: SigningKeyRow = {
        namespace,
        keyId,
        publicKey: publicKey.keyval.public,
        label,
        state: 'active',
        reason: '',
        createdAt: at,
        changedAt: at,
      };
      await manager.insert(SigningKeyRow, row);
      await this.note(manager, principal, namespace, 'signing-key.add', { keyId, label });
      return { view: viewOf(row), isNew: true };
    });
  }

  /** A key goes from active to retired to revoked, never back. @throws Problem `not-found`, `forbidden`, `invalid-request` */
  async change(
    namespace: string,
    keyId: string,
    { state, reason }: KeyChange,
    principal: Principal,
  ): Promise<SigningKeyView> {
    return await this.database.write(topicOf(namespace), async (manager) => {
      await this.namespaces.authorize(principal, 'catalog.manage-namespace', namespace, manager);
      const row = await manager.findOneBy(SigningKeyRow, { namespace, keyId });
      if (row === null) throw new Problem('not-found', `The namespace ${namespace} has no such key.`);
      if (row.state === state) return viewOf(row);
      if (rankOf(state) < rankOf(row.state))
        throw notAKey(`was ${row.state}, and a key that ended never comes back`);
      Object.assign(row, { state, reason, changedAt: this.clock.now() });
      await manager.update(SigningKeyRow, { namespace, keyId }, { state, reason, changedAt: row.changedAt });
      await this.note(manager, principal, namespace, 'signing-key.state', { keyId, state, reason });
      return viewOf(row);
    });
  }

  private async note(
    manager: EntityManager,
    { key: actor }: Principal,
    target: string,
    action: string,
    detail: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await writeAudit(manager, { at: this.clock.now(), actor, action, target, detail });
  }
}

/** One for changes of keys and for signatures, so that nothing is signed by a key that has just ended. */
export function topicOf(namespace: string): string {
  return `signing keys ${namespace}`;
}

export function publicKeyOfRow({ publicKey }: SigningKeyRow): PublicKey {
  return { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicKey } };
}

function viewOf(row: SigningKeyRow): SigningKeyView {
  const { keyId, label, state, reason, createdAt, changedAt } = row;
  const ended = reason === '' ? {} : { reason };
  return { keyId, publicKey: publicKeyOfRow(row), label, state, ...ended, createdAt, changedAt };
}

function rankOf(state: SigningKeyState): number {
  return signingKeyStates.indexOf(state);
}

function parseKey(text: string): PublicKey {
  const hex = publicKeySchema.safeParse({
    keytype: 'ed25519',
    scheme: 'ed25519',
    keyval: { public: text.trim().toLowerCase() },
  });
  const key = hex.success ? hex.data : keyOfPem(text);
  if (!isSoundKey(key)) throw notAKey('is of small order: what it signs proves nothing');
  return key;
}

function keyOfPem(text: string): PublicKey {
  // Node would take a private key too, which is nobody's to send.
  if (!/^\s*-----BEGIN PUBLIC KEY-----\s/.test(text))
    throw notAKey('is neither a public key in PEM nor 32 bytes in hex');
  try {
    return publicKeyOf(createPublicKey(text));
  } catch (error) {
    throw notAKey('is no Ed25519 key', error);
  }
}

/** `why` completes the sentence "This key <why>." */
function notAKey(why: string, cause?: unknown): Problem {
  return new Problem('invalid-request', `This key ${why}.`, {
    errors: [{ pointer: '/body/publicKey', detail: why }],
    cause,
  });
}
