import type { ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Module } from '@nestjs/common';
import { Problem } from '@proxylet/contract';
import { expect, test, vi } from 'vitest';
import { startService } from '../../test/test-service.js';
import { traceIdOf } from '../http/trace.js';
import { challenge, sendProblem } from '../problem/send-problem.js';
import { ServiceInfo } from './service-info.js';

@Module({})
class EmptyModule {}

test('a front handler sees a request before Nest and may leave it', async () => {
  await using sut = await startService(EmptyModule, {
    front: (nest, gate) => (request, response) => {
      if (request.url?.startsWith('/run/') !== true) return false;
      if (!gate(request, response)) return true;
      const info = nest.get(ServiceInfo);
      const problem = new Problem('no-credentials', 'A token is needed.');
      const header = challenge(problem, info) ?? '';
      sendProblem(response, problem, traceIdOf(request), { 'www-authenticate': header });
      return true;
    },
  });
  const taken = await sut.fetch('/run/demo/geo/');
  expect(taken.status).toBe(401);
  expect(taken.headers.get('www-authenticate')).toContain(`${sut.url}/.well-known/oauth-protected-resource`);
  expect(taken.headers.get('content-security-policy')).toBeNull();
  expect(await taken.json()).toMatchObject({
    code: 'no-credentials',
    traceId: taken.headers.get('x-trace-id'),
  });
  expect((await sut.fetch('/version')).status).toBe(200);
});

test('hands upgrades to their handler', async () => {
  const upgrade = vi.fn<(url: string | undefined) => void>();
  await using sut = await startService(EmptyModule, {
    upgrade: () => (request, socket) => {
      upgrade(request.url);
      socket.end('HTTP/1.1 426 Upgrade Required\r\n\r\n');
    },
  });
  const { port } = new URL(sut.url);
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(Number(port), '127.0.0.1', () => {
    socket.write('GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  });
  socket.once('data', (chunk) => {
    resolve(String(chunk));
  });
  expect(await promise).toContain('426');
  expect(upgrade).toHaveBeenCalledWith('/ws');
});

test('lets a request under way finish before it stops, and refuses the next on its connection', async () => {
  const started = Promise.withResolvers<ServerResponse>();
  const sut = await startService(EmptyModule, {
    front: () => (request, response) => {
      if (request.url !== '/slow') return false;
      started.resolve(response);
      return true;
    },
  });
  const answer = sut.fetch('/slow').then((response) => response.text());
  const response = await started.promise;
  const closed = sut.service.close();
  response.end('done');
  expect(await answer).toBe('done');
  const next = await sut.fetch('/version').catch(() => undefined);
  if (next !== undefined) expect([next.status, next.headers.get('connection')]).toEqual([503, 'close']);
  await closed;
  await sut[Symbol.asyncDispose]();
});
