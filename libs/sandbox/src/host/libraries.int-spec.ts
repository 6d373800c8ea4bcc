import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle } from '../../test/bundle.js';
import { type Answer, SandboxFixture } from '../../test/sandbox-fixture.js';
import type { Guest, GuestRequest } from '../types.js';

/** What hono brings beyond routing, and libraries that many handlers use, all unchanged. */
const application = `
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { compress } from 'hono/compress';
import { cors } from 'hono/cors';
import { etag } from 'hono/etag';
import { html } from 'hono/html';
import { jwt, sign } from 'hono/jwt';
import { secureHeaders } from 'hono/secure-headers';
import { streamSSE } from 'hono/streaming';
import { validator } from 'hono/validator';
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';

const app = new Hono();
app.use('/secure/*', secureHeaders());
app.get('/secure/page', (c) => c.html(html\`<p>\${'<b>'}</p>\`));
app.use('/open', cors({ origin: 'https://app.example' }));
app.get('/open', (c) => c.text('open'));
app.use('/same', etag());
app.get('/same', (c) => c.text('the same each time'));
app.use('/basic', basicAuth({ username: 'ada', password: 'l' }));
app.get('/basic', (c) => c.text('in'));
app.use('/signed', jwt({ secret: 'it is a secret', alg: 'HS256' }));
app.get('/signed', (c) => c.json(c.get('jwtPayload')));
app.get('/token', async (c) => c.text(await sign({ sub: 'ada' }, 'it is a secret', 'HS256')));
app.use('/packed', compress());
app.get('/packed', (c) => c.text('again and '.repeat(1000)));
app.get('/events', (c) => streamSSE(c, async (stream) => {
  for (const id of ['1', '2']) await stream.writeSSE({ id, event: 'tick', data: JSON.stringify({ id }) });
}));
app.post('/form', validator('form', (value, c) => (value.name ? value : c.text('no name', 400))), async (c) => {
  const { file } = await c.req.parseBody();
  return c.json({ name: c.req.valid('form').name, size: file?.size ?? null });
});

const Order = z.object({ id: z.uuid(), amount: z.number().int().positive(), note: z.string().max(20).optional() }).strict();
app.post('/order', async (c) => {
  const read = Order.safeParse(await c.req.json());
  return read.success ? c.json(read.data) : c.json(read.error.issues.map(({ path, code }) => [path.join('.'), code]), 422);
});

app.get('/jose', async (c) => {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const token = await new SignJWT({ roles: ['user'] }).setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer('https://idm.example').setAudience('here').setExpirationTime('5m').sign(privateKey);
  const keys = createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), kid: 'k' }] });
  const { payload } = await jwtVerify(token, keys, { issuer: 'https://idm.example', audience: 'here' });
  const refused = await jwtVerify(token, keys, { audience: 'there' }).catch(({ code }) => code);
  return c.json([payload.roles, refused]);
});
export default app;
`;

let sut: SandboxFixture;
let guest: Guest;
beforeAll(async () => {
  sut = await SandboxFixture.start();
  guest = sut.guest(await bundle(application));
});
afterAll(() => sut[Symbol.asyncDispose]());

function call(path: string, init: Partial<GuestRequest> = {}): Promise<Answer> {
  return sut.call(guest, { url: `http://engine.example${path}`, ...init });
}

function headerOf({ headers }: Answer, name: string): string | undefined {
  return headers.find((_, index) => index % 2 === 1 && headers[index - 1] === name);
}

async function sendForm(form: FormData): Promise<Answer> {
  const packed = new Response(form);
  return call('/form', {
    method: 'POST',
    headers: ['content-type', packed.headers.get('content-type') ?? ''],
    body: Buffer.from(await packed.arrayBuffer()),
  });
}

function postJson(path: string, body: object): Promise<Answer> {
  return call(path, {
    method: 'POST',
    headers: ['content-type', 'application/json'],
    body: Buffer.from(JSON.stringify(body)),
  });
}

it('hono: sets headers for safety and escapes what it puts into a page', async () => {
  const answer = await call('/secure/page');
  expect(answer.text).toBe('<p>&lt;b&gt;</p>');
  expect(headerOf(answer, 'x-frame-options')).toBe('SAMEORIGIN');
});

it('hono: answers other origins, and entity tags', async () => {
  const open = await call('/open', { headers: ['origin', 'https://app.example'] });
  expect(headerOf(open, 'access-control-allow-origin')).toBe('https://app.example');
  const tag = headerOf(await call('/same'), 'etag') ?? '';
  expect((await call('/same', { headers: ['if-none-match', tag] })).status).toBe(304);
});

it('hono: lets in by password and by signed token', async () => {
  expect((await call('/basic')).status).toBe(401);
  const basic = `Basic ${Buffer.from('ada:l').toString('base64')}`;
  expect((await call('/basic', { headers: ['authorization', basic] })).text).toBe('in');
  expect((await call('/signed')).status).toBe(401);
  const bearer = `Bearer ${(await call('/token')).text}`;
  const signed = await call('/signed', { headers: ['authorization', bearer] });
  expect(JSON.parse(signed.text)).toMatchObject({ sub: 'ada' });
});

it('hono: packs what it sends', async () => {
  const answer = await call('/packed', { headers: ['accept-encoding', 'gzip'] });
  expect(headerOf(answer, 'content-encoding')).toBe('gzip');
  expect(answer.text.length).toBeLessThan(500);
});

it('hono: sends events', async () => {
  const answer = await call('/events');
  expect(headerOf(answer, 'content-type')).toBe('text/event-stream');
  expect(answer.text).toBe(
    'event: tick\ndata: {"id":"1"}\nid: 1\n\nevent: tick\ndata: {"id":"2"}\nid: 2\n\n',
  );
});

it('hono: reads forms with files, and refuses those that lack something', async () => {
  const form = new FormData();
  form.set('name', 'ada');
  form.set('file', new File(['12345'], 'five.txt'));
  expect(JSON.parse((await sendForm(form)).text)).toEqual({ name: 'ada', size: 5 });
  expect((await sendForm(new FormData())).status).toBe(400);
});

it('zod: checks what came in', async () => {
  const order = { id: '0b0c2e5c-5d8e-4a63-9a0c-6a3f1d1c9f10', amount: 3 };
  expect(JSON.parse((await postJson('/order', order)).text)).toEqual(order);
  const refused = await postJson('/order', { id: 'x', amount: -1, more: true });
  expect([refused.status, JSON.parse(refused.text)]).toEqual([
    422,
    [
      ['id', 'invalid_format'],
      ['amount', 'too_small'],
      ['', 'unrecognized_keys'],
    ],
  ]);
});

it('jose: makes keys, signs and verifies', async () => {
  expect(JSON.parse((await call('/jose')).text)).toEqual([['user'], 'ERR_JWT_CLAIM_VALIDATION_FAILED']);
});
