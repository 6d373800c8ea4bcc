import { Readable } from 'node:stream';
import { Controller, Inject, Req, Res } from '@nestjs/common';
import { type Digest, isDigest, Problem, quote } from '@proxylet/contract';
import { Endpoint, matchesEtag, Params, principalOf } from '@proxylet/nest';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { Database } from '../database/database.js';
import { digestParams } from '../http/params.js';
import { CatalogMetrics } from '../operate/catalog-metrics.js';
import { sizeOfReadable } from '../rights/readable-blob.js';
import { Reader } from '../rights/reader.js';
import { ReadRights } from '../rights/read-rights.js';
import { Popularity } from '../search/popularity.js';
import { archiveType, Artifacts, dispositionOf, keepForEver, lost } from './artifacts.js';
import { parseByteRange } from './byte-range.js';
import { Delivery } from './delivery.js';

@Controller('v1/blobs')
export class BlobController {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Artifacts) private readonly artifacts: Artifacts,
    @Inject(Popularity) private readonly popularity: Popularity,
    @Inject(Delivery) private readonly delivery: Delivery,
    @Inject(CatalogMetrics) private readonly metrics: CatalogMetrics,
  ) {}

  @Endpoint('GET :digest', {
    summary: 'The archive of a version, by its digest',
    description:
      'Never changes: keep it for ever. `HEAD`, `Range`, `If-Range` and `If-None-Match` work; several ranges at once are answered with the whole. A catalog set up for it sends readers on to its store (307); `Prefer: delivery=proxy` asks it not to.',
    tag: 'blobs',
    params: digestParams,
    response: { contentType: 'application/gzip', description: 'The archive' },
    answers: { 206: 'The asked range of it', 304: 'You have it', 307: 'Get it there, without your token' },
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
    if (matchesEtag(request.headers['if-none-match'], etag)) {
      setHeaders(reply, digest, etag);
      reply.status(304);
      return undefined;
    }
    if (this.delivery.redirects) reply.header('vary', 'Prefer');
    const caller = principalOf(request)?.key ?? request.ip;
    if (request.method === 'GET' && (await this.sendOn(digest, request, reply))) {
      this.popularity.countDownload(digest, caller);
      return undefined;
    }
    const range = rangeOf(request, etag, sizeBytes);
    if (range === 'unsatisfiable') {
      reply.header('content-range', `bytes */${sizeBytes}`);
      throw new Problem('range-not-satisfiable', `The archive has ${sizeBytes} bytes.`);
    }
    // A stream keeps the length said below; no answer at all would say 0.
    const stream = request.method === 'HEAD' ? Readable.from([]) : await this.artifacts.open(digest, range);
    if (stream === undefined) throw lost(digest);
    setHeaders(reply, digest, etag);
    if (range !== undefined) {
      reply.status(206).header('content-range', `bytes ${range.start}-${range.end}/${sizeBytes}`);
    }
    const length = range === undefined ? sizeBytes : range.end - range.start + 1;
    reply.header('content-length', length);
    if (request.method === 'GET') reply.raw.once('finish', () => this.metrics.countSent(length));
    // The rest of a download that was taken up again is no further one.
    if (request.method === 'GET' && (range?.start ?? 0) === 0) this.popularity.countDownload(digest, caller);
    return stream;
  }

  /** True where the reader gets the bytes from the store: an address that is good for GET only, for a short time. */
  private async sendOn(digest: Digest, request: FastifyRequest, reply: FastifyReply): Promise<boolean> {
    const prefer = request.headers['prefer'];
    const address = await this.delivery.addressOf(digest, typeof prefer === 'string' ? prefer : undefined);
    if (address === undefined) return false;
    reply.status(307).headers({ location: address, 'cache-control': 'no-store' });
    return true;
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
    'content-type': archiveType,
    etag,
    'repr-digest': `sha-256=:${hash}:`,
    'accept-ranges': 'bytes',
    'cache-control': keepForEver,
    'content-disposition': dispositionOf(digest),
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
