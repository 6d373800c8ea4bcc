import { Readable } from 'node:stream';
import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { faultsOf, Problem, type ProblemFault } from '@proxylet/contract';
import type { FastifyRequest } from 'fastify';
import type { Observable } from 'rxjs';
import { z } from 'zod';
import { findUnfitText } from '../http/plain-text.js';
import { ENDPOINT, type EndpointSpec } from './endpoint.js';

interface Input {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
}

const inputs = new WeakMap<FastifyRequest, Input>();
const nothing = z.strictObject({});

/** Parses params, query and body of an `@Endpoint` before its handler runs, after its guard. */
export class InputInterceptor implements NestInterceptor {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const spec = this.reflector.get<EndpointSpec | undefined>(ENDPOINT, context.getHandler());
    if (spec !== undefined) {
      const request = context.switchToHttp().getRequest<FastifyRequest>();
      inputs.set(request, parseInput(spec, request));
    }
    return next.handle();
  }
}

/** @throws Problem `invalid-request` with every fault, `unsupported-media-type` */
export function parseInput(
  spec: EndpointSpec,
  request: Pick<FastifyRequest, 'params' | 'query' | 'body' | 'headers'>,
): Input {
  const faults: ProblemFault[] = [];
  const params = parsePart('params', spec.params, request.params, faults);
  const query = parsePart('query', spec.query ?? nothing, request.query, faults);
  const body = parseBody(spec, request, faults);
  if (faults.length === 0) return { params, query, body };
  const [first] = faults;
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
  throw new Problem('invalid-request', `${first?.pointer ?? ''} ${first?.detail ?? ''}${more}.`, {
    errors: faults,
  });
}

function parseBody(
  { body: schema, orJson }: EndpointSpec,
  { body, headers }: Pick<FastifyRequest, 'body' | 'headers'>,
  faults: ProblemFault[],
): unknown {
  const isStream = body instanceof Readable;
  if (schema === 'stream' || schema === 'multipart') {
    const isMultipart = headers['content-type']?.startsWith('multipart/') === true;
    if (isStream && isMultipart === (schema === 'multipart')) return body;
    if (body != null && !isStream && orJson !== undefined) return parsePart('body', orJson, body, faults);
    throw new Problem(
      'unsupported-media-type',
      schema === 'stream'
        ? 'Send the bytes as application/gzip or application/octet-stream.'
        : 'Send the parts as multipart/form-data.',
    );
  }
  if (isStream) throw new Problem('unsupported-media-type', 'This route does not take an archive.');
  if (schema !== undefined) return parsePart('body', schema, body, faults);
  if (body !== undefined && body !== null)
    faults.push({ pointer: '/body', detail: 'must not be sent to this route' });
  return undefined;
}

function parsePart(
  part: keyof Input,
  schema: z.ZodType | undefined,
  raw: unknown,
  faults: ProblemFault[],
): unknown {
  if (schema === undefined) return raw;
  const result = schema.safeParse(raw);
  const unfit = findUnfitText(raw);
  if (unfit !== undefined)
    faults.push({ pointer: `/${part}${unfit}`, detail: 'must be text without NUL and half characters' });
  if (result.success) return result.data;
  const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  for (const fault of faultsOf(result.error, known))
    faults.push({ ...fault, pointer: `/${part}${fault.pointer}` });
  return undefined;
}

function part(name: keyof Input): () => ParameterDecorator {
  return createParamDecorator((_data: unknown, context: ExecutionContext): unknown => {
    const input = inputs.get(context.switchToHttp().getRequest<FastifyRequest>());
    if (input === undefined) throw new Error('Parsed input exists on an @Endpoint only.');
    return input[name];
  });
}

/** The path parameters, parsed by the endpoint's `params`. */
export const Params = part('params');
/** The query, parsed by the endpoint's `query`. */
export const Query = part('query');
/** The body: parsed by the endpoint's `body`, or a `Readable` where that is `stream`. */
export const Body = part('body');
