import { matchesEtag } from '@proxylet/nest';
import type { FastifyReply } from 'fastify';
import type { Tagged } from '../proxylet/proxylet.service.js';

/** Answers with an entity tag, or 304 without a body where the caller has that already. */
export function answer<T>(
  { view, etag }: Tagged<T>,
  ifNoneMatch: string | undefined,
  reply: FastifyReply,
): T | undefined {
  reply.header('etag', etag).header('cache-control', 'private, no-cache');
  if (!matchesEtag(ifNoneMatch, etag)) return view;
  reply.status(304);
  return undefined;
}
