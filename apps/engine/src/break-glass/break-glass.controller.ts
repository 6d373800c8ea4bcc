import { Controller, Req } from '@nestjs/common';
import { Body, Endpoint, FloodLimits } from '@proxylet/nest';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BreakGlass, type LocalToken } from './break-glass.js';

const codeBody = z.strictObject({ code: z.string().min(1).max(100) });
const tokenSchema = z.object({ token: z.string(), expiresAt: z.string() });

@Controller('v1/admin/break-glass')
export class BreakGlassController {
  constructor(
    private readonly breakGlass: BreakGlass,
    private readonly limits: FloodLimits,
  ) {}

  @Endpoint('POST', {
    summary: 'Exchange a one-time code printed on the box for a token of half an hour',
    description:
      'For when no identity manager can be reached: `npm run engine -- break-glass` prints the code. The token manages the engine; it calls no proxylet.',
    tag: 'Admin',
    body: codeBody,
    response: tokenSchema,
    status: 201,
    errors: ['invalid-token', 'too-many-requests'],
    public: true,
  })
  exchange(@Body() { code }: z.output<typeof codeBody>, @Req() request: FastifyRequest): Promise<LocalToken> {
    this.limits.assertMayTry(request.raw);
    return this.breakGlass.exchange(code, this.limits.clients.of(request.raw));
  }
}
