import type { Action } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { EntityManager } from 'typeorm';
import { MirrorNamespaceRow } from '../database/mirror.entity.js';

/** Whose a namespace is: what belongs to the upstream catalog is changed there, whoever one is here. */
export class NamespaceOrigin {
  constructor(private readonly isMirror: boolean) {}

  /** @throws Problem `namespace-mirrored` */
  async assertOwn(manager: EntityManager, namespace: string, action: Action): Promise<void> {
    if (!this.isMirror || action.startsWith('catalog.read')) return;
    if (!(await manager.existsBy(MirrorNamespaceRow, { name: namespace }))) return;
    throw new Problem(
      'namespace-mirrored',
      `The namespace ${namespace} is that of the upstream catalog; change it there.`,
    );
  }
}
