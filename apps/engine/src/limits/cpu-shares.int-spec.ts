import { until } from '@proxylet/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';

const burner = `export default { async fetch(request, env) {
  const { pathname } = new URL(request.url);
  if (pathname === '/burn') { const end = Date.now() + 150; while (Date.now() < end); }
  if (pathname === '/keys') {
    const key = await crypto.subtle.importKey('raw', new Uint8Array(16), 'PBKDF2', false, ['deriveBits']);
    for (let i = 0; i < 10; i += 1) {
      await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-512', salt: new Uint8Array(16), iterations: 100000 }, key, 512);
    }
  }
  return new Response('well');
} };`;

let engine: TestEngine;
beforeAll(async () => {
  engine = await TestEngine.start({
    // Little enough that a burner gets more of a busy machine too.
    PROXYLET_ENGINE_CPU_SHARE_PERCENT: '2',
    PROXYLET_ENGINE_CPU_BURST_MS: '100',
  });
  for (const name of ['acme/burner', 'acme/keys', 'acme/calm']) {
    engine.catalog.publish(name, '1.0.0', burner, { limits: { cpuMs: 5000 } });
    expect((await engine.install(name)).status).toBe(201);
  }
});
afterAll(() => engine[Symbol.asyncDispose]());

const codeOf = async (path: string): Promise<unknown> => {
  const { status, text, body } = await engine.call('GET', `/run/acme/${path}`);
  return status === 200 ? text : body['code'];
};

/** Calls until one is refused, and gives that answer. */
function refusalOf(path: string) {
  return until(
    async () => {
      const answer = await engine.call('GET', `/run/acme/${path}`);
      return answer.status === 200 ? undefined : answer;
    },
    { what: `${path} has used its share`, timeoutMs: 30_000 },
  );
}

test('an installation that computes too much over time is refused, and nobody else', async () => {
  const refused = await refusalOf('burner/burn');
  expect([refused.status, refused.body['code']]).toEqual([503, 'cpu-rate-limit']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await codeOf('calm/')).toBe('well');
  const { text } = await engine.call('GET', '/metrics');
  expect(text).toMatch(/^proxylet_limit_breaches_total\{proxylet="acme\/burner",limit="cpu-rate"\} [1-9]/m);
  const logs = await engine.call('GET', '/v1/installations/acme/burner/logs');
  expect(logs.text).toContain('Limit cpu-rate: It used more CPU over time than 2 % of a core');
});

test('it recovers by itself', async () => {
  await until(async () => (await codeOf('burner/')) === 'well', {
    what: 'it has waited long enough',
    timeoutMs: 30_000,
  });
});

test('what threads of the runner do for a proxylet counts as its own', async () => {
  expect((await refusalOf('keys/keys')).body['code']).toBe('cpu-rate-limit');
});
