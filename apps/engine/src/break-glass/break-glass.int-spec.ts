import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestEngine } from '../../test/test-engine.js';
import { makeCode } from './one-time-code.js';

let engine: TestEngine;

beforeAll(async () => {
  engine = await TestEngine.start();
});

afterAll(() => engine[Symbol.asyncDispose]());

const exchange = (code: string) =>
  engine.call<{ token?: string; code?: string }>('POST', '/v1/admin/break-glass', {
    token: 'x',
    body: { code },
  });

describe('local administration', () => {
  it('opens once, with the code of the box, also while the identity manager is away', async () => {
    const code = await makeCode(engine.stateDir);
    expect((await exchange('wrong')).body.code).toBe('invalid-token');
    const answers = await Promise.all([exchange(code), exchange(code)]);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 401]));
    const token = answers.find(({ status }) => status === 201)?.body.token ?? '';
    expect((await engine.call('GET', '/v1/admin/installations', { token })).status).toBe(200);
    expect((await engine.call('GET', '/v1/admin/runners', { token })).status).toBe(200);
  });

  it('calls nobody and installs nothing of its own accord for others', async () => {
    const { body } = await exchange(await makeCode(engine.stateDir));
    const token = body.token ?? '';
    expect((await engine.call('GET', '/run/acme/echo/', { token })).status).toBe(401);
    expect((await engine.call('GET', '/v1/installations/acme/echo/logs', { token })).status).toBe(404);
  });

  it('takes no code that is old, or that a newer one replaced', async () => {
    const old = await makeCode(engine.stateDir, Date.now() - 16 * 60_000);
    expect((await exchange(old)).status).toBe(401);
    const first = await makeCode(engine.stateDir);
    const second = await makeCode(engine.stateDir);
    expect((await exchange(first)).status).toBe(401);
    expect((await exchange(second)).status).toBe(201);
  });

  it('takes no token that it did not give', async () => {
    for (const token of ['pxb_', 'pxb_x', `pxb_${'A'.repeat(43)}`])
      expect((await engine.call('GET', '/v1/admin/installations', { token })).status).toBe(401);
  });
});
