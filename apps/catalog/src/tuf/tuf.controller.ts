import { Controller, Inject, Res } from '@nestjs/common';
import { Problem } from '@proxylet/contract';
import { Endpoint, Params } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Database } from '../database/database.js';
import { TufDocumentRow } from '../database/tuf.entity.js';

const fileForm = /^(?:(\d{1,9})\.)?(root|targets|snapshot|timestamp|ns-[a-z0-9-]{1,64})\.json$/;
const fileParams = z.strictObject({ file: z.string().max(100).meta({ example: 'timestamp.json' }) });

@Controller('v1/tuf')
export class TufController {
  constructor(@Inject(Database) private readonly database: Database) {}

  @Endpoint('GET :file', {
    summary: 'Signed metadata of what is public (TUF 1.0, consistent snapshots)',
    description:
      '`timestamp.json` names the snapshot, `<n>.snapshot.json` everything else: `<n>.targets.json`, `<n>.ns-<namespace>.json`; roots are `<n>.root.json`, from 1 on. Not there where the operator did not switch it on.',
    tag: 'provenance',
    params: fileParams,
    response: { contentType: 'application/json', description: 'The document, as it was signed' },
    errors: ['not-found'],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async get(
    @Params() { file }: z.output<typeof fileParams>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Buffer> {
    const [, version, name] = fileForm.exec(file) ?? [];
    const isMoment = name === 'timestamp';
    const row =
      name === undefined || isMoment !== (version === undefined)
        ? undefined
        : await this.find(name, version === undefined ? undefined : Number(version));
    if (row === undefined) throw new Problem('not-found', 'There is no such signed document.');
    reply.headers({
      'content-type': 'application/json',
      'cache-control': isMoment ? 'no-cache' : 'private, max-age=86400, immutable',
    });
    return Buffer.from(row.body);
  }

  private async find(name: string, version: number | undefined): Promise<TufDocumentRow | undefined> {
    const [row] = await this.database.read.find(TufDocumentRow, {
      where: { name, ...(version === undefined ? {} : { version }) },
      order: { version: 'DESC' },
      take: 1,
    });
    return row;
  }
}
