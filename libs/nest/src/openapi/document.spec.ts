import { expect, test } from 'vitest';
import { z } from 'zod';
import { Controller, Module } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { startService } from '../../test/test-service.js';
import { Endpoint } from '../endpoint/endpoint.js';
import { routesOf } from '../endpoint/routes.js';
import { docsPage } from './docs-page.js';
import { openApiDocument } from './document.js';

const answer = z.object({ id: z.string(), at: z.iso.datetime() });

@Controller('v1/things')
class ThingController {
  @Endpoint('PUT :ns/:name', {
    summary: 'Write <b>a thing</b>',
    params: z.strictObject({ ns: z.string().max(64), name: z.string() }),
    query: z.strictObject({
      'dry-run': z.enum(['true', 'false']).optional().meta({ description: 'Only check' }),
    }),
    body: z.strictObject({ size: z.int().default(1), tags: z.array(z.string()).optional() }),
    response: answer,
    status: 201,
    answers: { 200: 'It was there before' },
    errors: ['version-exists', 'in-use'],
    scopes: { anyOf: ['catalog:publish', 'catalog:manage'] },
  })
  write(): void {
    throw new Error('not called');
  }

  @Endpoint('GET', {
    summary: 'All',
    response: { contentType: 'text/event-stream', description: 'Events' },
    public: true,
  })
  all(): void {
    throw new Error('not called');
  }
}

@Module({ controllers: [ThingController] })
class ThingModule {}

async function documentOfThings() {
  await using sut = await startService(ThingModule);
  return openApiDocument(routesOf(sut.service.nest.get(ModulesContainer)), { title: 'T', version: '1' });
}

test('describes an endpoint by the schemas that check it', async () => {
  const document = await documentOfThings();
  expect(document.paths['/v1/things/{ns}/{name}']?.['put']).toMatchObject({
    operationId: 'Thing_write',
    parameters: [
      { name: 'ns', in: 'path', required: true, schema: { type: 'string', maxLength: 64 } },
      { name: 'name', in: 'path', required: true },
      { name: 'dry-run', in: 'query', required: false, description: 'Only check' },
    ],
    requestBody: { content: { 'application/json': { schema: { additionalProperties: false } } } },
    responses: {
      200: { description: 'It was there before' },
      201: { content: { 'application/json': { schema: { required: ['id', 'at'] } } } },
      400: { description: expect.stringContaining('`invalid-request`') },
      401: { description: expect.stringContaining('`no-credentials`') },
      409: { description: expect.stringMatching(/`in-use`.*`version-exists`/) },
    },
    security: [{ token: ['catalog:publish'] }, { token: ['catalog:manage'] }],
  });
  const all = document.paths['/v1/things']?.['get'];
  expect(all).toMatchObject({ security: [], responses: { 200: { content: { 'text/event-stream': {} } } } });
  expect(Object.keys(all?.['responses'] as object)).toEqual(['200']);
});

test('is the same at every start, so that it can be kept in the repository', async () => {
  expect(JSON.stringify(await documentOfThings())).toBe(JSON.stringify(await documentOfThings()));
});

test('the page shows markup of a description as text', async () => {
  const html = docsPage(await documentOfThings());
  expect(html).toContain('Write &lt;b&gt;a thing&lt;/b&gt;');
  expect(html).not.toContain('<b>');
});
