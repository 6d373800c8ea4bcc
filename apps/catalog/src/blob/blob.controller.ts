import { Readable } from 'node:stream';
import { Controller, Inject, Req, Res } from '@nestjs/common';
import { type Digest, isDigest, Problem, quote } from '@proxylet/contract';
import { Endpoint, matchesEtag, Params } from '@proxylet/nest';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Database } from '../database/database.js';
import { VersionRow } from '../database/proxylet.entity.js';
import { digestParams } from '../http/params.js';
import { BLOB_STORE } from '../tokens.js';
import type { BlobStore } from './blob-store.js';
import { parseByteRange } from './byte-range.js';

@Controller('v1/blobs')
export class BlobController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(BLOB_STORE) private readonly blobs: BlobStore,
  ) {}

  @Endpoint('GET :digest', {
    summary: 'The archive of a version, by its digest',
    description: 'Never changes: keep it for ever. `HEAD`, `Range`, `If-Range` and `If-None-Match` work.',
    tag: 'blobs',
    params: digestParams,
    response: { contentType: 'application/gzip', description: 'The archive' },
    answers: { 206: 'The asked range of it', 304: 'You have it' },
    errors: [
      'invalid-request',
      'not-found',
      'range-not-satisfiable',
      'artifact-corrupt',
      'storage-unavailable',
    ],
    scopes: ['catalog:read'],
  })
  async get(
    @Params() params: z.output<typeof digestParams>,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable | undefined> {
    const digest = digestOf(params);
    const sizeBytes = await this.sizeOf(digest);
    const etag = `"${digest}"`;
    setHeaders(reply, digest, etag);
    if (matchesEtag(request.headers['if-none-match'], etag)) {
      reply.status(304);
      return undefined;
    }
    const range = rangeOf(request, etag, sizeBytes);
    if (range === 'unsatisfiable') {
      reply.header('content-range', `bytes */${sizeBytes}`);
      throw new Problem('range-not-satisfiable', `The archive has ${sizeBytes} bytes.`);
    }
    if (range !== undefined) {
      reply.status(206).header('content-range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
    }
    reply.header('content-length', range === undefined ? sizeBytes : range.end - range.start + 1);
    // A stream keeps the length said above; no answer at all would say 0.
    if (request.method === 'HEAD') return Readable.from([]);
    const stream = await this.blobs.open(digest, range);
    if (stream !== undefined) return stream;
    throw new Problem('artifact-corrupt', `The store of this catalog has lost the bytes of ${digest}.`);
  }

  /** Only what a version refers to is served: bytes of an upload that came to nothing are nobody's. */
  private async sizeOf(digest: Digest): Promise<number> {
    const row = await this.database.read.findOne(VersionRow, {
      select: { id: true, sizeBytes: true },
      where: { digest },
    });
    if (row !== null) return row.sizeBytes;
    throw new Problem('not-found', `There is no archive with the digest ${digest}.`);
  }
}

function digestOf({ digest }: z.output<typeof digestParams>): Digest {
  if (isDigest(digest)) return digest;
  throw new Problem(
    'invalid-request',
    `${quote(digest)} is not a digest: sha256: and 64 lower-case hex digits.`,
    {
      errors: [{ pointer: '/params/digest', detail: 'must be sha256: and 64 lower-case hex digits' }],
    },
  );
}

function setHeaders(reply: FastifyReply, digest: Digest, etag: string): void {
  const hash = Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64');
  reply.headers({
    'content-type': 'application/gzip',
    etag,
    'repr-digest': `sha-256=:${hash}:`,
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=31536000, immutable',
    'content-disposition': `attachment; filename="${digest.slice('sha256:'.length, 23)}.tgz"`,
    'x-content-type-options': 'nosniff',
  });
}

/** A range counts only while `If-Range`, where it is sent, names these very bytes. */
function rangeOf(
  { headers }: FastifyRequest,
  etag: string,
  sizeBytes: number,
): ReturnType<typeof parseByteRange> {
  const ifRange = headers['if-range'];
  return ifRange !== undefined && ifRange !== etag ? undefined : parseByteRange(headers.range, sizeBytes);
}
