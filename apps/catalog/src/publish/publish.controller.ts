import type { Readable } from 'node:stream';
import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Params, Query, queryFlag } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { nameOf, versionOf, versionParams } from '../http/params.js';
import { type Published, publishedSchema } from '../proxylet/proxylet.schemas.js';
import { expectedDigest } from './content-digest.js';
import { PublishService } from './publish.service.js';

const publishQuery = z.strictObject({ 'dry-run': queryFlag });

@Controller('v1/proxylets')
export class PublishController {
  constructor(@Inject(PublishService) private readonly publisher: PublishService) {}

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
    const { isNew, ...published } = await this.publisher.publish({
      name: nameOf(params),
      version: versionOf(params),
      body,
      expected: expectedDigest({
        contentDigest: headers['content-digest'],
        reprDigest: headers['repr-digest'],
        digest: headers['digest'],
      }),
      idempotencyKey: headers['idempotency-key'],
      isDryRun,
      principal,
    });
    const { name, version, digest } = published;
    reply.status(isNew ? 201 : 200).header('etag', `"${digest}"`);
    if (!isDryRun) reply.header('location', `/v1/proxylets/${name}/versions/${encodeURIComponent(version)}`);
    return { ...published, dryRun: isDryRun };
  }
}
