import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { isForbiddenLiteral } from '../http/checked-address.js';
import { guardedPost } from './guarded-post.js';
import { signedHeaders } from './signature.js';

it('signs as the Standard Webhooks say', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const headers = signedHeaders(
    secret,
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1_614_265_330,
    '{"test": 2432232314}',
  );
  expect(headers['webhook-signature']).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

it('connects to the address it checked, whatever the name says next', async () => {
  let hits = 0;
  const server = createServer((_request, response) => {
    hits += 1;
    response.end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const answers: string[][] = [
    ['93.184.216.34', '127.0.0.1'],
    ['127.0.0.1'],
    ['::ffff:127.0.0.1'],
    ['10.0.0.1'],
    [],
  ];
  for (const addresses of answers) {
    const policy = { allow: [], timeoutMs: 500, resolve: () => Promise.resolve(addresses) };
    await expect(guardedPost(`http://rebind.example:${port}/`, {}, '{}', policy)).rejects.toThrow(
      /not on the public internet|no address/,
    );
  }
  expect(hits).toBe(0);
  const allowed = {
    allow: [`rebind.example:${port}`],
    timeoutMs: 2000,
    resolve: () => Promise.resolve(['127.0.0.1']),
  };
  expect(await guardedPost(`http://rebind.example:${port}/`, {}, '{}', allowed)).toBe(200);
  expect(hits).toBe(1);
  await new Promise((resolve) => {
    server.close(resolve);
  });
});

it.each([
  'http://127.1/',
  'http://0x7f000001/',
  'http://[::ffff:10.0.0.1]/',
  'http://169.254.169.254/',
  'http://[fd00::1]/',
])('knows %s for an inner address at once', (url) => {
  expect(isForbiddenLiteral(url, [])).toBe(true);
  expect(isForbiddenLiteral(url, [new URL(url).hostname])).toBe(false);
});
