import { Readable } from 'node:stream';
import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Body, CurrentPrincipal, Endpoint, Query, queryFlag } from '@proxylet/nest';
import { Problem } from '@proxylet/contract';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { ReadRights } from '../rights/read-rights.js';
import { Reader } from '../rights/reader.js';
import { BundleChooser } from './bundle-choice.js';
import { BundleWriter } from './bundle-writer.js';
import type { ImportResult } from './import-writer.js';
import { ImportService } from './import.service.js';

const several = z
  .union([z.string().max(300), z.array(z.string().max(300)).max(100)])
  .transform((value) => [value].flat())
  .default([]);
const exportQuery = z.strictObject({
  service: several.meta({
    description: '`namespace/name` or `namespace/name@range`; may be given several times',
  }),
  proxylet: several.meta({
    description: '`namespace/name`: the highest version; `namespace/name@range`: all in it; several times',
  }),
});
const importQuery = z.strictObject({ 'dry-run': queryFlag });
const importSchema = z.object({
  versions: z
    .array(z.string())
    .meta({ description: 'What was not here before', example: ['acme/thumb@1.0.0'] }),
  services: z.array(z.string()),
  /** Versions that were here already, with the same bytes. */
  known: z.int(),
});

@Controller('v1')
export class BundleController {
  constructor(
    @Inject(BundleChooser) private readonly chooser: BundleChooser,
    @Inject(BundleWriter) private readonly writer: BundleWriter,
    @Inject(ImportService) private readonly importer: ImportService,
  ) {}

  @Endpoint('GET export', {
    summary: 'Services and proxylets with all they need, as one file',
    description:
      'A tar of an index, the archives and their sums, for a catalog without a network. A service brings what it resolves to now, a proxylet the versions of its range, each with its dependencies.',
    tag: 'bundles',
    query: exportQuery,
    response: { contentType: 'application/x-tar', description: 'The bundle' },
    errors: ['invalid-name', 'not-found', 'unresolvable', 'resolution-too-hard', 'storage-unavailable'],
    scopes: ['catalog:read'],
  })
  async export(
    @Query() { service: services, proxylet: proxylets }: z.output<typeof exportQuery>,
    @Reader() reader: ReadRights,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable> {
    if (services.length + proxylets.length === 0)
      throw new Problem('invalid-request', 'Name a service or a proxylet to export.', {
        errors: [{ pointer: '/query/proxylet', detail: 'must be given, or service' }],
      });
    const index = await this.writer.index(await this.chooser.choose({ services, proxylets }, reader));
    reply.headers({
      'content-type': 'application/x-tar',
      'content-disposition': 'attachment; filename="proxylets.tar"',
      'cache-control': 'no-store',
    });
    return Readable.from(this.writer.bytes(index), { objectMode: false });
  }

  @Endpoint('POST import', {
    summary: 'Take in a file made by an export',
    description:
      'All or nothing; every archive is checked as at a publish. Namespaces that are not there become the caller’s. The same file again changes nothing. Send it as `application/octet-stream`.',
    tag: 'bundles',
    query: importQuery,
    body: 'stream',
    response: importSchema,
    status: 201,
    answers: { 200: 'All of it was here already, or a dry run passed every check' },
    errors: [
      'forbidden',
      'bundle-invalid',
      'bundle-too-large',
      'archive-invalid',
      'archive-entry-refused',
      'archive-too-large',
      'digest-mismatch',
      'manifest-missing',
      'manifest-invalid',
      'manifest-mismatch',
      'main-missing',
      'main-invalid',
      'version-exists',
      'namespace-taken',
      'namespace-reserved',
      'namespace-mirrored',
      'name-confusable',
      'service-invalid',
      'quota-exceeded',
      'storage-unavailable',
    ],
    scopes: ['catalog:publish', 'catalog:manage'],
  })
  async import(
    @Query() { 'dry-run': isDryRun }: z.output<typeof importQuery>,
    @Body() body: Readable,
    @Headers('content-length') statedBytes: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ImportResult> {
    const result = await this.importer.import({ body, statedBytes, isDryRun, principal });
    reply.status(!isDryRun && result.versions.length + result.services.length > 0 ? 201 : 200);
    return result;
  }
}
