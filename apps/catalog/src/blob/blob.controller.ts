import { Readable } from 'node:stream';
import { Controller, Inject, Req, Res } from '@nestjs/common';
import { type Digest, isDigest, Problem, quote } from '@proxylet/contract';
import { Endpoint, matchesEtag, Params } from '@proxylet/nest';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Database } from '../database/database.js';
import { digestParams } from '../http/params.js';
import { sizeOfReadable } from '../rights/readable-blob.js';
import { Reader } from '../rights/reader.js';
import { ReadRights } from '../rights/read-rights.js';
import { Artifacts } from './artifacts.js';
import { parseByteRange } from './byte-range.js';

@Controller('v1/blobs')
export class BlobController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Artifacts) private readonly artifacts: Artifacts,
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
      'quarantined',
      'range-not-satisfiable',
      'artifact-corrupt',
      'storage-unavailable',
    ],
    scopes: ['catalog:read'],
    anonymous: true,
  })
  async get(
    @Params() params: z.output<typeof digestParams>,
    @Req() request: FastifyRequest,
    @Reader() reader: ReadRights,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable | undefined> {
    const digest = digestOf(params);
    const sizeBytes = await sizeOfReadable(this.database.read, digest, reader);
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
    const stream = await this.artifacts.open(digest, range);
    if (stream !== undefined) return stream;
    throw new Problem('artifact-corrupt', `The store of this catalog has lost the bytes of ${digest}.`);
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
