import type { Readable } from 'node:stream';
import { Controller, Get, Module, Res } from '@nestjs/common';
import type { Principal } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import type { FastifyReply } from 'fastify';
import { expect } from 'vitest';
import { z } from 'zod';
import { CurrentPrincipal, RequireScopes } from '../src/auth/access.js';
import { Endpoint } from '../src/endpoint/endpoint.js';
import { Body, Params, Query } from '../src/endpoint/input.interceptor.js';
import { pageQuery } from '../src/http/paging.js';

const thingParams = z.strictObject({ id: z.string().regex(/^[a-z]+$/, 'must be lower-case letters') });
const thingBody = z.strictObject({ size: z.int().max(10), note: z.string().optional() });

@Controller('v1/things')
class ThingController {
  @Endpoint('GET :id', {
    summary: 'Read a thing',
    params: thingParams,
    query: z.strictObject({ ...pageQuery }),
    response: z.object({ id: z.string(), who: z.string() }),
    scopes: ['catalog:read'],
    errors: ['not-found'],
  })
  read(
    @Params() { id }: z.output<typeof thingParams>,
    @Query() { limit }: { limit: number },
    @CurrentPrincipal() principal: Principal,
  ): unknown {
    if (id === 'missing') throw new Problem('not-found', 'There is no such thing.');
    if (id === 'broken') throw new Error('secret detail of the disk');
    return { id, limit, who: principal.key };
  }

  @Endpoint('PUT :id', {
    summary: 'Write a thing',
    params: thingParams,
    body: thingBody,
    status: 201,
    scopes: { anyOf: ['catalog:manage', 'catalog:publish'] },
  })
  write(@Body() body: z.output<typeof thingBody>): unknown {
    return body;
  }

  @Endpoint('POST :id/archive', {
    summary: 'Send an archive',
    params: thingParams,
    body: 'stream',
    public: true,
  })
  async archive(@Body() body: Readable): Promise<{ bytes: number }> {
    let bytes = 0;
    for await (const chunk of body) bytes += (chunk as Buffer).byteLength;
    return { bytes };
  }

  @Endpoint('GET :id/late', { summary: 'Fails after the answer began', params: thingParams, public: true })
  late(@Res() reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200).write('half');
    throw new Error('too late');
  }

  @Get('admin/only')
  @RequireScopes('catalog:admin')
  admin(): string {
    return 'never';
  }
}

/** A module with a route of every kind. */
@Module({ controllers: [ThingController] })
export class ThingModule {}

export interface ProblemAnswer {
  readonly code: string;
  readonly detail: string;
  readonly traceId: string;
  readonly errors?: { pointer: string; detail: string }[];
}

/** The body of an answer that must be a problem. */
export async function problemOf(response: Response): Promise<ProblemAnswer> {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = (await response.json()) as ProblemAnswer;
  expect(response.headers.get('x-trace-id')).toBe(problem.traceId);
  return problem;
}
