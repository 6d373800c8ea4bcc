import { expect, test } from 'vitest';
import { confineSetCookie, guestCookies } from './cookies.js';
import { guestHeaders } from './request-headers.js';
import { answerHeaders } from './response-headers.js';
import { runCors } from './run-cors.js';

const prefix = '/run/acme/thumb';

function seen(raw: string[], connection?: string): Record<string, string> {
  const flat = guestHeaders(raw, 'gw.example:7080', prefix, connection);
  return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? '']] : [])));
}

function answered(guest: string[], extra: { bodyBytes?: number; keepsLength?: boolean } = {}): string[] {
  const flat = answerHeaders({
    guest,
    prefix,
    bodyBytes: extra.bodyBytes,
    keepsLength: extra.keepsLength === true,
  });
  return flat.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${flat[i + 1]}`] : []));
}

test('shows a guest the public host and its prefix', () => {
  expect(seen(['Host', '127.0.0.1:7080', 'Accept', '*/*'])).toEqual({
    host: 'gw.example:7080',
    accept: '*/*',
    'x-forwarded-prefix': prefix,
  });
});

test.each([
  'Authorization',
  'Proxy-Authorization',
  'X-Auth-Token',
  'X-Roles',
  'X-Nick-Name',
  'X-Organizations',
  'X-Forwarded-For',
  'X-Forwarded-Prefix',
  'Forwarded',
  'X-Real-IP',
  'Transfer-Encoding',
  'Upgrade',
  'TE',
  'Connection',
])('hides %s from a guest', (name) => {
  const value = seen([name, 'evil'])[name.toLowerCase()];
  expect(value).toBe(name === 'X-Forwarded-Prefix' ? prefix : undefined);
});

test('hides what Connection declares to be for one hop', () => {
  expect(seen(['X-Hop', '1', 'X-Stay', '1'], 'close, X-Hop')).not.toHaveProperty('x-hop');
  expect(seen(['X-Hop', '1', 'X-Stay', '1'], 'close, X-Hop')).toHaveProperty('x-stay');
});

test('hides the cookies of the console and keeps the others', () => {
  expect(guestCookies('a=1; proxylet-console=s3cret; __Host-proxylet=x; b="2"')).toBe('a=1; b="2"');
  expect(guestCookies('__Host-session=x')).toBeUndefined();
  expect(seen(['Cookie', 'proxylet_session=x'])).not.toHaveProperty('cookie');
});

test.each([
  ['sid=1', 'sid=1; Path=/run/acme/thumb'],
  ['sid=1; path=/; Domain=example.com; HttpOnly; Secure', 'sid=1; HttpOnly; Secure; Path=/run/acme/thumb'],
  ['sid=1;PATH=/v1;SameSite=None', 'sid=1; SameSite=None; Path=/run/acme/thumb'],
  ['proxylet-console=stolen', undefined],
  ['__Host-x=1; Path=/', undefined],
  ['nonsense', undefined],
])('confines the cookie %s', (header, confined) => {
  expect(confineSetCookie(header, prefix)).toBe(confined);
});

test.each([
  'Access-Control-Allow-Origin',
  'Strict-Transport-Security',
  'Clear-Site-Data',
  'Service-Worker-Allowed',
  'Transfer-Encoding',
  'Connection',
  'Content-Length',
  'Alt-Svc',
  'X-Content-Type-Options',
])('does not take %s from a guest', (name) => {
  const lines = answered(['content-type', 'text/plain', name, 'evil']);
  expect(lines).toEqual(['content-type: text/plain', 'x-content-type-options: nosniff']);
});

test.each([
  ['text/html'],
  ['TEXT/HTML; charset=utf-8'],
  ['application/xhtml+xml'],
  ['image/svg+xml'],
  ['text/xml'],
  ['application/xml'],
  ['application/rss+xml'],
  ['multipart/x-mixed-replace; boundary=x'],
  ['text/plain, text/html'],
])('shows %s in a sandbox', (type) => {
  expect(answered(['content-type', type])).toContain('content-security-policy: sandbox');
});

test('shows an answer without a type in a sandbox', () => {
  expect(answered([])).toContain('content-security-policy: sandbox');
});

test.each(['application/json', 'text/plain;charset=UTF-8', 'image/png', 'text/event-stream'])(
  'leaves %s alone',
  (type) => {
    expect(answered(['content-type', type])).not.toContain('content-security-policy: sandbox');
  },
);

test("keeps a guest's own policy beside the sandbox", () => {
  const lines = answered([
    'content-type',
    'text/html',
    'content-security-policy',
    'sandbox allow-scripts allow-same-origin',
  ]);
  expect(lines).toContain('content-security-policy: sandbox allow-scripts allow-same-origin');
  expect(lines).toContain('content-security-policy: sandbox');
});

test('states the length of a whole body itself, and keeps the one of a HEAD', () => {
  expect(answered(['content-length', '99'], { bodyBytes: 3 })).toContain('content-length: 3');
  expect(answered(['content-length', '99'], { bodyBytes: 3 })).not.toContain('content-length: 99');
  expect(answered(['content-length', '99'], { keepsLength: true })).toContain('content-length: 99');
});

test('gives CORS headers to listed origins exactly', () => {
  const cors = runCors(['https://app.example']);
  const to = (origin?: string) => cors.headersFor({ headers: { origin } } as never).join(' ');
  expect(to('https://app.example')).toContain('access-control-allow-origin https://app.example');
  for (const origin of ['https://app.example.evil', 'http://app.example', 'null', 'https://APP.example']) {
    expect(to(origin)).toBe('vary Origin');
  }
  expect(runCors([]).headersFor({ headers: { origin: 'https://app.example' } } as never)).toEqual([]);
});
