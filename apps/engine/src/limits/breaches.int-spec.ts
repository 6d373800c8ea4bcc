import { limitNames } from '@proxylet/sandbox';
import { until } from '@proxylet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

interface Row {
  /** As the log and the metric name it. */
  readonly limit: (typeof limitNames)[number];
  /** Status and code of the answer; a log that is full ends nothing. */
  readonly answer: readonly [status: number, code: string | undefined];
  /** Body of the handler. */
  readonly code: string;
  readonly manifest?: Record<string, unknown>;
  readonly requestBytes?: number;
}

const kv = { capabilities: ['kv'] };

const rows: readonly Row[] = [
  { limit: 'cpu', answer: [504, 'cpu-limit'], code: 'for (;;);', manifest: { limits: { cpuMs: 50 } } },
  {
    limit: 'time',
    answer: [504, 'time-limit'],
    code: 'await new Promise(() => {});',
    manifest: { limits: { timeoutMs: 500 } },
  },
  {
    limit: 'memory',
    answer: [503, 'memory-limit'],
    code: 'const map = new Map(); for (let i = 0; ; i += 1) map.set(i, { i });',
    manifest: { limits: { memoryMb: 16, cpuMs: 20_000 } },
  },
  {
    limit: 'subrequests',
    answer: [500, 'subrequest-limit'],
    code: `for (let i = 0; i < 3; i += 1) await fetch('http://elsewhere.example/').catch(() => {});
           await fetch('http://elsewhere.example/');`,
  },
  {
    limit: 'depth',
    answer: [500, 'depth-limit'],
    code: 'return env.DEPTH.fetch(request);',
    manifest: { dependencies: { 'limits/depth': '*' } },
  },
  {
    limit: 'headers',
    answer: [500, 'header-limit'],
    code: `return new Response('', { headers: { a: 'x'.repeat(70_000) } });`,
  },
  { limit: 'body', answer: [413, 'body-too-large'], code: 'return new Response();', requestBytes: 200_000 },
  {
    limit: 'response',
    answer: [502, 'response-too-large'],
    code: 'return new Response(new Uint8Array(200_000));',
  },
  {
    limit: 'log',
    answer: [200, undefined],
    code: `for (let i = 0; i < 100; i += 1) console.log('x'.repeat(1000)); return Response.json({});`,
  },
  {
    limit: 'kv',
    answer: [500, 'kv-limit'],
    code: `for (let i = 0; i < 5; i += 1) await env.KV.put('k' + i, 'v');`,
    manifest: kv,
  },
  {
    limit: 'timers',
    answer: [500, 'timer-limit'],
    code: 'for (let i = 0; i < 2000; i += 1) setTimeout(() => {}, 1e6);',
    manifest: { limits: { cpuMs: 5000 } },
  },
  {
    limit: 'operations',
    answer: [500, 'operation-limit'],
    code: `for (let i = 0; i < 1000; i += 1) void env.KV.get('k').catch(() => {}); await env.KV.get('k');`,
    manifest: { ...kv, limits: { cpuMs: 5000 } },
  },
];

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start({
    PROXYLET_ENGINE_MAX_BODY_BYTES: '100000',
    PROXYLET_ENGINE_MAX_SUBREQUESTS: '3',
    PROXYLET_ENGINE_KV_MAX_KEYS: '3',
  });
  for (const { limit, code, manifest } of rows) {
    engine.catalog.publish(
      `limits/${limit}`,
      '1.0.0',
      `export default { async fetch(request, env) { ${code} } };`,
      manifest,
    );
    const { status, text } = await engine.install(`limits/${limit}`);
    expect(status, text).toBe(201);
  }
});
afterAll(() => engine[Symbol.asyncDispose]());

test.each(rows)('$limit: the caller, the log and the metric hear of it', async (row) => {
  const { limit, requestBytes } = row;
  const sent = requestBytes === undefined ? {} : { body: 'x'.repeat(requestBytes) };
  const answer = await engine.call(
    requestBytes === undefined ? 'GET' : 'POST',
    `/run/limits/${limit}/`,
    sent,
  );
  expect([answer.status, answer.body['code']]).toEqual(row.answer);

  const metric = new RegExp(
    `^proxylet_limit_breaches_total\\{proxylet="limits/${limit}",limit="${limit}"\\} [1-9]`,
    'm',
  );
  await until(async () => metric.test((await engine.call('GET', '/metrics')).text), {
    what: `a count of ${limit}`,
  });
  const logs = await engine.call<{ items: { text: string; level: string; traceId?: string }[] }>(
    'GET',
    `/v1/installations/limits/${limit}/logs?limit=1000`,
  );
  const line = logs.body.items.find(({ text }) => text.startsWith(`Limit ${limit}: `));
  expect(line).toMatchObject({
    level: 'warn',
    traceId: answer.headers.get('x-trace-id') ?? answer.body['traceId'],
  });
});

test('what lies between runners and the machine is shown without a reason', async () => {
  const ready = await fetch(`${engine.url}/health/ready`);
  const { details } = (await ready.json()) as { details: { containment: Record<string, string> } };
  expect(details.containment).toEqual(engine.core.parts.sandbox.containment);
  expect(Object.keys(details.containment).toSorted()).toEqual([
    'files',
    'memory',
    'network',
    'privileges',
    'resources',
    'user',
  ]);
});

test('the table knows every limit', () => {
  const elsewhere = ['cpu-rate'];
  expect([...rows.map(({ limit }) => limit), ...elsewhere].toSorted()).toEqual(limitNames.toSorted());
});
