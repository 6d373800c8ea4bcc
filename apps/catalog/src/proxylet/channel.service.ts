import { Inject } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { parseName, Problem } from '@proxylet/contract';
import { assertIfMatch, etagOf } from '@proxylet/nest';
import { writeAudit } from '../audit.js';
import { Clock } from '../clock.js';
import { Database } from '../database/database.js';
import { ChannelMoveRow, ChannelRow, ProxyletRow, VersionRow } from '../database/proxylet.entity.js';
import { NamespaceService } from '../namespace/namespace.service.js';
import { ReadRights } from '../rights/read-rights.js';
import type { ChannelView } from './proxylet.schemas.js';
import type { Tagged } from './proxylet.service.js';
import { needProxylet, needVersion, readProxylet, withdrawn } from './version-queries.js';

const historyLength = 100;

/** Movable names of versions, with every move kept. `latest` is none: it is computed. */
export class ChannelService {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(NamespaceService) private readonly namespaces: NamespaceService,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** @throws Problem `not-found` */
  async get(name: string, channel: string, reader: ReadRights): Promise<Tagged<ChannelView>> {
    const manager = this.database.read;
    const { id: proxyletId } = await readProxylet(manager, reader, parseName(name));
    const row = await manager.findOneBy(ChannelRow, { proxyletId, name: channel });
    const history = await manager
      .createQueryBuilder(ChannelMoveRow, 'm')
      .innerJoin(VersionRow, 'v', 'v.id = m.versionId')
      .select(['v.version AS version', 'm.actor AS actor', 'm.at AS at'])
      .where('m.proxyletId = :proxyletId AND m.channel = :channel', { proxyletId, channel })
      .orderBy('m.id', 'DESC')
      .limit(historyLength)
      .getRawMany<{ version: string; actor: string; at: string }>();
    const [newest] = history;
    if (row === null || newest === undefined)
      throw new Problem('not-found', `${name} has no channel ${channel}.`);
    return { view: { name: channel, version: newest.version, history }, etag: etagOfChannel(row) };
  }

  /**
   * Makes or moves a channel. With `If-Match` it moves only from where the caller saw it.
   *
   * @throws Problem `not-found`, `insufficient-scope`, `forbidden`, `precondition-failed`, `in-use` for a yanked version
   */
  async move(
    name: string,
    channel: string,
    version: string,
    ifMatch: string | undefined,
    principal: Principal,
  ): Promise<Tagged<ChannelView> & { readonly isNew: boolean }> {
    const target = parseName(name);
    await this.namespaces.authorizeOn(principal, 'catalog.move-channel', name);
    const isNew = await this.database.write(`proxylet ${name}`, async (manager) => {
      const proxylet = await needProxylet(manager, target);
      const to = await needVersion(manager, target, version);
      const before = await manager.findOneBy(ChannelRow, { proxyletId: proxylet.id, name: channel });
      assertIfMatch(ifMatch, before === null ? '' : etagOfChannel(before));
      if (withdrawn.includes(to.current.state)) {
        throw new Problem(
          'invalid-request',
          `${name} ${version} is ${to.current.state}: a channel cannot lead there.`,
        );
      }
      if (before?.versionId === to.id) return false;
      const at = this.clock.now();
      const actor = principal.key;
      const proxyletId = proxylet.id;
      const versionId = to.id;
      await manager.save(ChannelRow, {
        proxyletId,
        name: channel,
        versionId,
        revision: (before?.revision ?? 0) + 1,
      });
      await manager.insert(ChannelMoveRow, { proxyletId, channel, versionId, actor, at });
      await manager.update(ProxyletRow, proxyletId, { revision: proxylet.revision + 1 });
      await writeAudit(manager, {
        at,
        actor,
        action: 'channel.move',
        target: `${name}#${channel}`,
        detail: { version },
      });
      return before === null;
    });
    return { ...(await this.get(name, channel, ReadRights.forChange(principal))), isNew };
  }
}

function etagOfChannel({ proxyletId, name, revision }: ChannelRow): string {
  return etagOf(String(proxyletId), name, String(revision));
}
