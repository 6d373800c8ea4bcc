import type { Readable } from 'node:stream';
import { Controller, Headers, Inject, Res, UseInterceptors } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params, Query, queryFlag } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { channelOf, nameOf, versionOf, versionParams } from '../http/params.js';
import { PublishOutcome } from '../operate/publish-outcome.js';
import { type Published, publishedSchema } from '../proxylet/proxylet.schemas.js';
import { bodyBytes } from './body.js';
import { expectedDigest } from './content-digest.js';
import { Intake } from './intake.js';
import { type PublishRequest, PublishService } from './publish.service.js';

const publishQuery = z.strictObject({
  'dry-run': queryFlag,
  channel: z
    .string()
    .optional()
    .meta({ description: 'Channel to lead to a version that is new', example: 'next' }),
  'allow-confusable': queryFlag.meta({
    description: 'A platform admin lets the name of a new proxylet pass that could be taken for another',
  }),
});

const uploadBody = z.strictObject({
  upload: z.uuid().meta({ description: 'An upload that is complete' }),
});

@Controller('v1/proxylets')
export class PublishController {
  constructor(
    @Inject(PublishService) private readonly publisher: PublishService,
    @Inject(Intake) private readonly intake: Intake,
  ) {}

  @UseInterceptors(PublishOutcome)
  @Endpoint('PUT :ns/:name/versions/:v', {
    summary: 'Publish a version: the archive is the body',
    description:
      'A version never changes. The same bytes again are 200, other bytes 409. `Content-Digest` is checked when sent; a request with an `Idempotency-Key` may be repeated and gets the same answer. For an archive that was uploaded in parts the body is JSON that names the upload.',
    tag: 'proxylets',
    params: versionParams,
    query: publishQuery,
    body: 'stream',
    orJson: uploadBody,
    response: publishedSchema,
    status: 201,
    answers: { 200: 'The same bytes were published before, or a dry run passed every check' },
    errors: [
      'invalid-name',
      'invalid-version',
      'forbidden',
      'not-found',
      'version-exists',
      'name-confusable',
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
      'upload-incomplete',
      'quota-exceeded',
      'storage-unavailable',
    ],
    scopes: ['catalog:publish'],
  })
  async publish(
    @Params() params: z.output<typeof versionParams>,
    @Query() query: z.output<typeof publishQuery>,
    @Body() body: Readable | z.output<typeof uploadBody>,
    @Headers() headers: Readonly<Record<string, string | undefined>>,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Published> {
    const isDryRun = query['dry-run'];
    const { channel } = query;
    const common = {
      name: nameOf(params),
      version: versionOf(params),
      idempotencyKey: headers['idempotency-key'],
      isDryRun,
      channel: channel === undefined ? undefined : channelOf({ ...params, channel }),
      allowConfusable: query['allow-confusable'],
      principal,
    };
    const { isNew, ...published } =
      'upload' in body
        ? await this.publisher.publishUpload(body.upload, common)
        : await this.publisher.publish({ ...common, ...this.archiveOf(body, headers) });
    const { name, version, digest } = published;
    reply.status(isNew ? 201 : 200).header('etag', `"${digest}"`);
    if (!isDryRun) reply.header('location', `/v1/proxylets/${name}/versions/${encodeURIComponent(version)}`);
    return { ...published, warnings: [...published.warnings], dryRun: isDryRun };
  }

  private archiveOf(
    body: Readable,
    headers: Readonly<Record<string, string | undefined>>,
  ): Pick<PublishRequest, 'bytes' | 'expected' | 'sizeBytes'> {
    const { 'content-length': length } = headers;
    return {
      sizeBytes: length === undefined ? undefined : Number(length),
      bytes: bodyBytes(body, headers['content-length'], this.intake.limits.packedBytes),
      expected: expectedDigest({
        contentDigest: headers['content-digest'],
        reprDigest: headers['repr-digest'],
        digest: headers['digest'],
      }),
    };
  }
}
