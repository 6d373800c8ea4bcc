import type { Readable } from 'node:stream';
import { Controller, Headers, Inject, Res, UseInterceptors } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { nameSchema, versionSchema } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, Query, queryFlag } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { PublishOutcome } from '../operate/publish-outcome.js';
import { publishedSchema } from '../proxylet/proxylet.schemas.js';
import { bodyBytes } from './body.js';
import { formParts } from './multipart.js';
import { PublicationService } from './publication.service.js';

const publicationQuery = z.strictObject({ 'dry-run': queryFlag });
const publicationSchema = z.object({
  versions: z.array(publishedSchema),
  service: z.object({ name: nameSchema, version: versionSchema }).optional(),
  dryRun: z.boolean(),
});
type PublicationView = z.output<typeof publicationSchema>;

@Controller('v1/publications')
export class PublicationController {
  constructor(@Inject(PublicationService) private readonly publications: PublicationService) {}

  @UseInterceptors(PublishOutcome)
  @Endpoint('POST', {
    summary: 'Publish several proxylets at once: all or nothing',
    description:
      'A form with one part per archive, named `namespace/name@version`, and at most one part `service` with the definition of a service and its name as JSON. `curl -F demo/geo@1.0.0=@geo.tgz -F demo/meters@1.0.0=@meters.tgz -F "service=<service.json" …`.',
    tag: 'proxylets',
    query: publicationQuery,
    body: 'multipart',
    response: publicationSchema,
    status: 201,
    answers: { 200: 'All of it was published before, or a dry run passed every check' },
    errors: [
      'not-found',
      'forbidden',
      'version-exists',
      'idempotency-key-reused',
      'archive-too-large',
      'archive-invalid',
      'archive-entry-refused',
      'manifest-missing',
      'manifest-invalid',
      'manifest-mismatch',
      'main-missing',
      'main-invalid',
      'service-invalid',
      'quota-exceeded',
      'storage-unavailable',
    ],
    scopes: ['catalog:publish'],
  })
  async publish(
    @Query() query: z.output<typeof publicationQuery>,
    @Body() body: Readable,
    @Headers() headers: Readonly<Record<string, string | undefined>>,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PublicationView> {
    const dryRun = query['dry-run'];
    const { versions, service, isNew } = await this.publications.publish({
      parts: formParts(bodyBytes(body, undefined, Infinity), headers['content-type']),
      idempotencyKey: headers['idempotency-key'],
      isDryRun: dryRun,
      principal,
    });
    reply.status(isNew ? 201 : 200);
    return {
      versions: versions.map(({ name, version, digest, sizeBytes, warnings }) => {
        return { name, version, digest, sizeBytes, warnings: [...warnings], dryRun };
      }),
      ...(service === undefined ? {} : { service }),
      dryRun,
    };
  }
}
