import type { Readable } from 'node:stream';
import { Controller, Headers, Inject, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { digestSchema, nameSchema, Problem } from '@proxylet/contract';
import { Body, CurrentPrincipal, Endpoint, Params } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { bodyBytes } from '../publish/body.js';
import { UploadService, type UploadView } from './upload.service.js';

const uploadBody = z.strictObject({
  name: nameSchema.meta({ description: 'Proxylet the archive is for', example: 'demo/geo' }),
  digest: digestSchema,
  size: z.int().min(1).max(Number.MAX_SAFE_INTEGER).meta({ description: 'Bytes of the whole archive' }),
});
const uploadSchema = z.object({
  id: z.uuid(),
  name: nameSchema,
  digest: digestSchema,
  size: z.int(),
  offset: z.int(),
  expiresAt: z.iso.datetime(),
});
const uploadParams = z.strictObject({ id: z.uuid() });
type UploadParams = z.output<typeof uploadParams>;
const scopes = ['catalog:publish'] as const;

@Controller('v1/uploads')
export class UploadController {
  constructor(@Inject(UploadService) private readonly uploads: UploadService) {}

  @Endpoint('POST', {
    summary: 'Open an upload that can go on where it broke off',
    description:
      'Its size is reserved in the quota of the namespace. Send the bytes by PATCH, in parts of any size, then publish with `{"upload": id}` as the body.',
    tag: 'uploads',
    body: uploadBody,
    response: uploadSchema,
    status: 201,
    errors: ['not-found', 'forbidden', 'archive-too-large', 'quota-exceeded', 'storage-unavailable'],
    scopes,
  })
  async open(
    @Body() wish: z.output<typeof uploadBody>,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UploadView> {
    return answer(await this.uploads.open(wish, principal), reply);
  }

  @Endpoint('GET :id', {
    summary: 'How far an upload is',
    description: '`HEAD` gives the same in the headers `Upload-Offset` and `Upload-Length`.',
    tag: 'uploads',
    params: uploadParams,
    response: uploadSchema,
    errors: ['not-found'],
    scopes,
  })
  async get(
    @Params() { id }: UploadParams,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UploadView> {
    return answer(await this.uploads.get(id, principal), reply);
  }

  @Endpoint('PATCH :id', {
    summary: 'Send the next part',
    description:
      '`Upload-Offset` says where it begins. A wrong offset is 409 with the right one. Of a part that is cut off, what arrived is kept.',
    tag: 'uploads',
    params: uploadParams,
    body: 'stream',
    response: uploadSchema,
    errors: [
      'not-found',
      'upload-offset-mismatch',
      'archive-too-large',
      'request-cancelled',
      'storage-unavailable',
    ],
    scopes,
  })
  async append(
    @Params() { id }: UploadParams,
    @Body() body: Readable,
    @Headers('upload-offset') offset: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<UploadView> {
    const bytes = bodyBytes(body, undefined, Infinity);
    try {
      return answer(await this.uploads.append(id, offsetOf(offset), bytes, principal), reply);
    } catch (error) {
      if (error instanceof Problem && typeof error.extra?.['offset'] === 'number')
        reply.header('upload-offset', error.extra['offset']);
      throw error;
    }
  }

  @Endpoint('DELETE :id', {
    summary: 'Cancel an upload',
    tag: 'uploads',
    params: uploadParams,
    status: 204,
    errors: ['not-found', 'storage-unavailable'],
    scopes,
  })
  cancel(@Params() { id }: UploadParams, @CurrentPrincipal() principal: Principal): Promise<void> {
    return this.uploads.cancel(id, principal);
  }
}

function answer(upload: UploadView, reply: FastifyReply): UploadView {
  reply.headers({
    location: `/v1/uploads/${upload.id}`,
    'upload-offset': upload.offset,
    'upload-length': upload.size,
    'cache-control': 'no-store',
  });
  return upload;
}

function offsetOf(header: string | undefined): number {
  if (header !== undefined && /^\d{1,15}$/.test(header)) return Number(header);
  throw new Problem('invalid-request', 'Upload-Offset must say at which byte the part begins.', {
    errors: [{ pointer: '/headers/upload-offset', detail: 'must be a number of bytes' }],
  });
}
