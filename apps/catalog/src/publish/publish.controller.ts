import type { Readable } from 'node:stream';
import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params, Query, queryFlag } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { channelOf, nameOf, versionOf, versionParams } from '../http/params.js';
import { type Published, publishedSchema } from '../proxylet/proxylet.schemas.js';
import { bodyBytes } from './body.js';
import { expectedDigest } from './content-digest.js';
import { Intake } from './intake.js';
import { PublishService } from './publish.service.js';

const publishQuery = z.strictObject({
  'dry-run': queryFlag,
  channel: z
    .string()
    .optional()
    .meta({ description: 'Channel to lead to a version that is new', example: 'next' }),
});

@Controller('v1/proxylets')
export class PublishController {
  constructor(
    @Inject(PublishService) private readonly publisher: PublishService,
    @Inject(Intake) private readonly intake: Intake,
  ) {}

  @Endpoint('PUT :ns/:name/versions/:v', {
    summary: 'Publish a version: the archive is the body',
    description:
      'A version never changes. The same bytes again are 200, other bytes 409. `Content-Digest` is checked when sent; a request with an `Idempotency-Key` may be repeated and gets the same answer.',
    tag: 'proxylets',
    params: versionParams,
    query: publishQuery,
    body: 'stream',
    response: publishedSchema,
    status: 201,
    answers: { 200: 'The same bytes were published before, or a dry run passed every check' },
    errors: [
      'invalid-name',
      'invalid-version',
      'forbidden',
      'not-found',
      'version-exists',
      'idempotency-key-reused',
      'archive-too-large',
      'digest-mismatch',
      'archive-invalid',
      'archive-entry-refused',
      'manifest-missing',
      'manifest-invalid',
      'manifest-mismatch',
      'main-missing',
      'main-invalid',
      'quota-exceeded',
      'storage-unavailable',
    ],
    scopes: ['catalog:publish'],
  })
  async publish(
    @Params() params: z.output<typeof versionParams>,
    @Query() query: z.output<typeof publishQuery>,
    @Body() body: Readable,
    @Headers() headers: Readonly<Record<string, string | undefined>>,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Published> {
    const isDryRun = query['dry-run'];
    const { channel } = query;
    const { isNew, ...published } = await this.publisher.publish({
      name: nameOf(params),
      version: versionOf(params),
      bytes: bodyBytes(body, headers['content-length'], this.intake.limits.packedBytes),
      expected: expectedDigest({
        contentDigest: headers['content-digest'],
        reprDigest: headers['repr-digest'],
        digest: headers['digest'],
      }),
      idempotencyKey: headers['idempotency-key'],
      isDryRun,
      channel: channel === undefined ? undefined : channelOf({ ...params, channel }),
      principal,
    });
    const { name, version, digest } = published;
    reply.status(isNew ? 201 : 200).header('etag', `"${digest}"`);
    if (!isDryRun) reply.header('location', `/v1/proxylets/${name}/versions/${encodeURIComponent(version)}`);
    return { ...published, warnings: [...published.warnings], dryRun: isDryRun };
  }
}
