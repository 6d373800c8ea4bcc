import { type ProblemCode, problemCodes } from '@proxylet/contract';
import { z } from 'zod';
import type { Access } from '../auth/access.js';
import type { EndpointSpec } from '../endpoint/endpoint.js';
import type { Route } from '../endpoint/routes.js';

export interface ApiInfo {
  readonly title: string;
  readonly version: string;
}

type Json = Record<string, unknown>;

/** OpenAPI 3.1 description of every `@Endpoint`, made from the schemas that check the requests. */
export interface OpenApiDocument {
  readonly openapi: '3.1.0';
  readonly info: Json;
  readonly paths: Record<string, Record<string, Json>>;
  readonly components: Json;
}

export function openApiDocument(routes: readonly Route[], info: ApiInfo): OpenApiDocument {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes.toSorted((a, b) => compare(a, b))) {
    if (route.endpoint === undefined) continue;
    const path = route.path.replaceAll(/:([A-Za-z0-9_]+)/g, '{$1}').replace(/\*$/, '{path}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, route.endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { ...info, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths,
    components: {
      schemas: { Problem: problemSchema },
      securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

function compare(a: Route, b: Route): number {
  const left = `${a.path} ${a.method}`;
  const right = `${b.path} ${b.method}`;
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function operation(route: Route, spec: EndpointSpec): Json {
  return {
    operationId: route.handler.replace(/Controller\./, '.').replaceAll('.', '_'),
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    tags: [spec.tag ?? route.handler.split('Controller')[0] ?? 'other'],
    ...parameters(spec),
    ...requestBody(spec),
    responses: { ...goodAnswers(spec), ...problemAnswers(spec) },
    security: security(route.access),
  };
}

function parameters(spec: EndpointSpec): Json {
  const all = [...parametersIn('path', spec.params), ...parametersIn('query', spec.query)];
  return all.length === 0 ? {} : { parameters: all };
}

function parametersIn(where: 'path' | 'query', schema: z.ZodObject | undefined): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = jsonSchema(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: where,
    required: where === 'path' || required.includes(name),
    // JSON leaves out what is undefined.
    description,
    schema,
  }));
}

function requestBody({ body, orJson }: EndpointSpec): Json {
  if (body === undefined) return {};
  const json = orJson ?? (typeof body === 'string' ? undefined : body);
  const content = {
    ...(body === 'stream' ? { 'application/gzip': {}, 'application/octet-stream': {} } : {}),
    ...(body === 'multipart' ? { 'multipart/form-data': { schema: { type: 'object' } } } : {}),
    ...(json === undefined ? {} : { 'application/json': { schema: jsonSchema(json, 'input') } }),
  };
  return { requestBody: { required: true, content } };
}

function goodAnswers(spec: EndpointSpec): Json {
  const { response, status = 200, answers = {} } = spec;
  const more = Object.entries(answers).map(([code, description]) => [
    code,
    { description, ...content(response) },
  ]);
  const description =
    response !== undefined && 'contentType' in response ? response.description : spec.summary;
  return { [status]: { description, ...content(response) }, ...Object.fromEntries(more) };
}

function content(response: EndpointSpec['response']): Json {
  if (response === undefined) return {};
  if ('contentType' in response) return { content: { [response.contentType]: {} } };
  return { content: { 'application/json': { schema: jsonSchema(response, 'output') } } };
}

function problemAnswers(spec: EndpointSpec): Json {
  const codes = new Set<ProblemCode>(spec.errors);
  if (spec.public !== true) {
    for (const code of [
      'no-credentials',
      'invalid-token',
      'insufficient-scope',
      'idm-unavailable',
    ] as const) {
      codes.add(code);
    }
  }
  if (spec.params !== undefined || spec.query !== undefined || spec.body !== undefined)
    codes.add('invalid-request');
  if (spec.body === 'stream' || spec.body === 'multipart') codes.add('unsupported-media-type');
  const byStatus = Map.groupBy([...codes].toSorted(), (code) => problemCodes[code].status);
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [
      status,
      {
        description: list.map((code) => `\`${code}\`: ${problemCodes[code].title}`).join('; '),
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    ]),
  );
}

function security(access: Access | undefined): Json[] {
  if (access?.kind !== 'scopes') return [];
  const { scopes } = access;
  const tokens =
    'anyOf' in scopes ? scopes.anyOf.map((scope) => ({ token: [scope] })) : [{ token: [...scopes] }];
  // An empty requirement: without any token.
  return access.anonymous === true ? [...tokens, {}] : tokens;
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    reused: 'inline',
  });
  return rest;
}

const text = { type: 'string' } as const;
const problemSchema = {
  type: 'object',
  description: 'RFC 9457. Branch on `code`; `detail` is for people.',
  required: ['type', 'title', 'status', 'detail', 'code', 'traceId'],
  properties: {
    type: { ...text, format: 'uri' },
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: { ...text, enum: Object.keys(problemCodes) },
    traceId: text,
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'detail'],
        properties: { pointer: { ...text, description: 'RFC 6901' }, detail: text },
      },
    },
  },
} as const;
