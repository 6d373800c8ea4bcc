import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SandboxFixture } from '../../test/sandbox-fixture.js';

/** Each row: an expression evaluated in a guest, and the JSON it must give. The same text holds in Node itself. */
const cases: readonly [name: string, expression: string, expected: unknown][] = [
  [
    'URL parts',
    `(({ origin, pathname, search, hash, host }) => [origin, pathname, search, hash, host])(new URL('../b?c=d#e', 'https://ex.org:8443/a/x'))`,
    ['https://ex.org:8443', '/b', '?c=d', '#e', 'ex.org:8443'],
  ],
  [
    'URL with a non-ASCII host',
    `new URL('https://münchen.example/ä').href`,
    'https://xn--mnchen-3ya.example/%C3%A4',
  ],
  [
    'URL setters',
    `(() => { const u = new URL('https://a.example/'); u.pathname = '/x y'; u.port = '99'; u.searchParams.append('q', 'ä&b'); return u.href })()`,
    'https://a.example:99/x%20y?q=%C3%A4%26b',
  ],
  [
    'URL tells its parameters of a new query',
    `(() => { const u = new URL('https://a.example/?a=1'); const p = u.searchParams; u.search = '?b=2'; return [p.get('a'), p.get('b')] })()`,
    [null, '2'],
  ],
  ['an invalid URL', `(() => { try { new URL('nope') } catch (e) { return e.name } })()`, 'TypeError'],
  [
    'URL.canParse',
    `[URL.canParse('https://a'), URL.canParse('a'), URL.canParse('a', 'https://b')]`,
    [true, false, true],
  ],
  [
    'URLSearchParams decoding',
    `[...new URLSearchParams('?a=1+2&b=%C3%A4&c=%zz&d')]`,
    [
      ['a', '1 2'],
      ['b', 'ä'],
      ['c', '%zz'],
      ['d', ''],
    ],
  ],
  [
    'URLSearchParams encoding',
    `new URLSearchParams({ "a b": "!'()~*-._", ä: '€' }).toString()`,
    'a+b=%21%27%28%29%7E*-._&%C3%A4=%E2%82%AC',
  ],
  [
    'URLSearchParams changes',
    `(() => { const p = new URLSearchParams('a=1&b=2&a=3'); p.set('a', '9'); p.delete('b'); p.append('c', '4'); p.sort(); return p.toString() + p.size })()`,
    'a=9&c=42',
  ],
  [
    'Headers join and sort',
    `[...new Headers([['B', '2'], ['a', ' 1 '], ['b', '3']])]`,
    [
      ['a', '1'],
      ['b', '2, 3'],
    ],
  ],
  [
    'Headers keep cookies apart',
    `(() => { const h = new Headers(); h.append('Set-Cookie', 'a=1'); h.append('set-cookie', 'b=2'); return h.getSetCookie() })()`,
    ['a=1', 'b=2'],
  ],
  [
    'Headers refuse a line feed',
    `(() => { try { new Headers({ a: 'b\\nc' }) } catch (e) { return e.name } })()`,
    'TypeError',
  ],
  [
    'TextEncoder and TextDecoder',
    `[...new TextEncoder().encode('ä€😀')].concat(new TextDecoder('utf-16le').decode(new Uint8Array([0x41, 0])))`,
    [195, 164, 226, 130, 172, 240, 159, 152, 128, 'A'],
  ],
  [
    'TextDecoder, fatal',
    `(() => { try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])) } catch (e) { return e.name } })()`,
    'TypeError',
  ],
  [
    'atob and btoa',
    `[btoa('hé'), atob(' aOk= '), (() => { try { btoa('€') } catch (e) { return e.name } })()]`,
    ['aOk=', 'hé', 'InvalidCharacterError'],
  ],
  [
    'structuredClone',
    `(() => { const a = { m: new Map([[1, new Set([2n])]]), d: new Date(5) }; a.self = a; const c = structuredClone(a); return [c !== a, c.self === c, c.m.get(1).has(2n), c.d.getTime()] })()`,
    [true, true, true, 5],
  ],
  [
    'structuredClone of a function',
    `(() => { try { structuredClone(() => 1) } catch (e) { return [e.name, e.code] } })()`,
    ['DataCloneError', 25],
  ],
  [
    'random values',
    `(() => { const a = crypto.getRandomValues(new Uint32Array(4)); return [a.some((n) => n > 0), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID())] })()`,
    [true, true],
  ],
  [
    'too many random values',
    `(() => { try { crypto.getRandomValues(new Uint8Array(65537)) } catch (e) { return e.name } })()`,
    'QuotaExceededError',
  ],
  [
    'timers in order',
    `await new Promise((done) => { const seen = []; setTimeout((x) => { seen.push(x); done(seen) }, 20, 'c'); const id = setTimeout(() => seen.push('never'), 5); clearTimeout(id); setTimeout(() => seen.push('b'), 5); queueMicrotask(() => seen.push('a')) })`,
    ['a', 'b', 'c'],
  ],
  [
    'an interval until it is cleared',
    `await new Promise((done) => { let n = 0; const id = setInterval(() => { if (++n === 3) { clearInterval(id); done(n) } }, 1) })`,
    3,
  ],
  [
    'events',
    `(() => { const t = new EventTarget(); const seen = []; t.addEventListener('x', (e) => seen.push(e.detail), { once: true }); t.dispatchEvent(new CustomEvent('x', { detail: 1 })); t.dispatchEvent(new CustomEvent('x', { detail: 2 })); return seen })()`,
    [1],
  ],
  [
    'abort signals',
    `(() => { const c = new AbortController(); const any = AbortSignal.any([c.signal]); let seen = 0; any.onabort = () => { seen += 1 }; c.abort('why'); c.abort('again'); return [any.aborted, any.reason, seen, AbortSignal.abort().reason.name] })()`,
    [true, 'why', 1, 'AbortError'],
  ],
  [
    'a timeout signal',
    `await new Promise((done) => { AbortSignal.timeout(5).addEventListener('abort', (e) => done(e.target.reason.name)) })`,
    'TimeoutError',
  ],
  [
    'Request of a Request',
    `(() => { const a = new Request('https://a.example/x', { method: 'post', headers: { a: '1' }, body: 'b' }); const b = new Request(a, { headers: { c: '2' } }); return [b.method, b.url, b.headers.get('a'), b.headers.get('c'), a.bodyUsed] })()`,
    ['POST', 'https://a.example/x', null, '2', true],
  ],
  [
    'a body is read once',
    `await (async () => { const r = new Response('x'); await r.text(); try { await r.text() } catch (e) { return [r.bodyUsed, e.name] } })()`,
    [true, 'TypeError'],
  ],
  [
    'clones have bodies of their own',
    `await (async () => { const r = new Response(new ReadableStream({ start(c) { c.enqueue(new Uint8Array([65])); c.close() } })); const c = r.clone(); return [await r.text(), await c.text()] })()`,
    ['A', 'A'],
  ],
  [
    'Response.json and redirect',
    `[Response.json({ a: 1 }).headers.get('content-type'), Response.redirect('https://a.example/', 303).headers.get('location')]`,
    ['application/json', 'https://a.example/'],
  ],
  [
    'a response without a body',
    `(() => { try { new Response('x', { status: 204 }) } catch (e) { return e.name } })()`,
    'TypeError',
  ],
  ['form bodies', `await new Response(new URLSearchParams({ a: 'b c' })).text()`, 'a=b+c'],
  [
    'a body of a view is the view alone',
    `await new Response(new Uint8Array([65, 66, 67]).subarray(1, 2)).text()`,
    'B',
  ],
  [
    'async iteration of a body',
    `await (async () => { let n = 0; for await (const c of new Response('abc').body) n += c.length; return n })()`,
    3,
  ],
  ['lone surrogates', `await new Response('a\\ud800').text()`, 'a\ufffd'],
  [
    'a Blob',
    `await (async () => { const b = new Blob(['ä', new Uint8Array([65, 66, 67]).subarray(1), new Blob(['x'])], { type: 'Text/Plain' }); return [b.size, b.type, await b.text(), await b.slice(-3, -1).text(), (await b.bytes()).length] })()`,
    [5, 'text/plain', 'äBCx', 'BC', 5],
  ],
  [
    'a File',
    `(() => { const f = new File(['a'], 'n.txt', { type: 'text/plain', lastModified: 5 }); return [f.name, f.size, f.type, f.lastModified, f instanceof Blob] })()`,
    ['n.txt', 1, 'text/plain', 5, true],
  ],
  [
    'the type of a Blob as a body',
    `new Response(new Blob(['a'], { type: 'text/css' })).headers.get('content-type')`,
    'text/css',
  ],
  [
    'Response.blob',
    `await (async () => { const b = await new Response('ä', { headers: { 'content-type': 'text/x' } }).blob(); return [b.size, b.type] })()`,
    [2, 'text/x'],
  ],
  [
    'FormData',
    `(() => { const f = new FormData(); f.append('a', 1); f.append('a', '2'); f.set('b', new Blob(['x'])); f.append('c', 'd'); f.delete('c'); f.set('a', 'z'); return [...f].map(([k, v]) => [k, typeof v === 'string' ? v : v.name]) })()`,
    [
      ['a', 'z'],
      ['b', 'blob'],
    ],
  ],
  [
    'a form there and back',
    `await (async () => { const f = new FormData(); f.append('na"me', 'a\\nb'); f.append('ü', new File(['\\r\\n--x'], 'f"1.txt', { type: 'text/plain' })); const g = await new Response(f).formData(); const file = g.get('ü'); return [g.get('na"me'), file.name, file.type, await file.text()] })()`,
    ['a\r\nb', 'f"1.txt', 'text/plain', '\r\n--x'],
  ],
  [
    'a form of a query',
    `await (async () => { const f = await new Response(new URLSearchParams({ a: 'b c' })).formData(); return f.get('a') })()`,
    'b c',
  ],
  [
    'a form that is none',
    `await new Response('x', { headers: { 'content-type': 'multipart/form-data; boundary=b' } }).formData().catch((e) => e.name)`,
    'TypeError',
  ],
  [
    'a form of another type',
    `await new Response('{}', { headers: { 'content-type': 'application/json' } }).formData().catch((e) => e.name)`,
    'TypeError',
  ],
  [
    'text streams',
    `await (async () => { const s = new Response('ä€').body.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream()); return [...await new Response(s).bytes()] })()`,
    [195, 164, 226, 130, 172],
  ],
  [
    'compression there and back',
    `await (async () => { const out = []; for (const format of ['gzip', 'deflate', 'deflate-raw']) { const small = new Response('ab'.repeat(50000)).body.pipeThrough(new CompressionStream(format)); const back = await new Response(small.pipeThrough(new DecompressionStream(format))).text(); out.push(back.length) } return out })()`,
    [100_000, 100_000, 100_000],
  ],
  [
    'compressed data that is damaged, cut off or followed by more',
    `await (async () => { const good = await new Response(new Response('hello').body.pipeThrough(new CompressionStream('gzip'))).bytes(); const seen = []; for (const bytes of [good.map((b, i) => i === 12 ? b ^ 255 : b), good.slice(0, -4), new Uint8Array([...good, 1])]) { seen.push(await new Response(new Response(bytes).body.pipeThrough(new DecompressionStream('gzip'))).text().then(() => 'ok', (e) => e.name)) } return seen })()`,
    ['TypeError', 'TypeError', 'TypeError'],
  ],
  [
    'keys that sign, and do not leave',
    `await (async () => { const key = await crypto.subtle.importKey('raw', new Uint8Array(16), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']); const data = new Uint8Array([1, 2]); const mac = await crypto.subtle.sign('HMAC', key, data); const refused = await crypto.subtle.exportKey('raw', key).catch((e) => e.name); return [mac.byteLength, await crypto.subtle.verify('HMAC', key, mac, data), refused, key.extractable, key.algorithm.hash.name] })()`,
    [32, true, 'InvalidAccessError', false, 'SHA-256'],
  ],
  [
    'a message channel',
    `await new Promise((done) => { const { port1, port2 } = new MessageChannel(); port2.onmessage = (e) => { port1.close(); done([e.data, e.ports.length]) }; port1.postMessage({ a: [1n + 1n].length }) })`,
    [{ a: 1 }, 0],
  ],
  [
    'marks and measures',
    `(() => { performance.mark('a', { startTime: 5 }); const m = performance.measure('m', { start: 'a', end: 9 }); const n = performance.getEntriesByName('m').length; performance.clearMarks(); performance.clearMeasures(); return [m.duration, m.entryType, n, performance.getEntriesByType('mark').length] })()`,
    [4, 'measure', 1, 0],
  ],
  [
    'URLPattern',
    `(() => { const p = new URLPattern({ pathname: '/users/:id' }); return [p.test('https://a.example/users/7'), p.exec('https://a.example/users/7').pathname.groups.id, p.test('https://a.example/')] })()`,
    [true, '7', false],
  ],
  ['a legacy encoding', `new TextDecoder('shift_jis').decode(new Uint8Array([0x82, 0xa0, 0x41]))`, 'あA'],
  [
    'PerformanceObserver',
    `await new Promise((done) => { new PerformanceObserver((list, self) => { self.disconnect(); done(list.getEntriesByName('seen').length) }).observe({ type: 'mark' }); performance.mark('seen'); })`,
    1,
  ],
  [
    'FileReader',
    `await new Promise((done) => { const r = new FileReader(); r.onload = () => done([r.result, r.readyState]); r.readAsDataURL(new Blob(['hi'], { type: 'text/plain' })) })`,
    ['data:text/plain;base64,aGk=', 2],
  ],
  [
    'performance and navigator',
    `[typeof performance.now(), typeof navigator.userAgent, self === globalThis]`,
    ['number', 'string', true],
  ],
];

/** Where the guest differs from Node on purpose or by nature. */
const guestOnly = new Set(['performance and navigator', 'FileReader']);

describe('the web API inside', () => {
  let sut: SandboxFixture;
  beforeAll(async () => {
    sut = await SandboxFixture.start();
  });
  afterAll(() => sut[Symbol.asyncDispose]());

  it.each(cases)('%s', async (_, expression, expected) => {
    expect(JSON.parse(await sut.text(`return Response.json(${expression})`))).toEqual(expected);
  });

  it.each(cases.filter(([name]) => !guestOnly.has(name)))(
    '%s: Node agrees',
    async (_, expression, expected) => {
      // oxlint-disable-next-line no-implied-eval -- the same text is run here and in the guest, so that the table cannot lie
      const run = new Function(
        `return (async () => JSON.stringify(${expression}))()`,
      ) as () => Promise<string>;
      expect(JSON.parse(await run())).toEqual(expected);
    },
  );

  it('parses any URL as Node does, whether it is cut out or asked for', async () => {
    const part = fc.stringMatching(/^[A-Za-z0-9./%:?&=+ä^|'-]{0,12}$/);
    const host = fc.oneof(
      fc.constantFrom(
        '127.0.0.1',
        '127.1',
        '0x7f.1',
        'a.example',
        'A.Example',
        'xn--mnchen-3ya.example',
        '1.2.3',
        'a..b',
        'ex-ample.org',
        'a.1',
      ),
      fc.domain(),
    );
    const url = fc
      .tuple(
        fc.constantFrom('http', 'https', 'HTTP', 'ftp'),
        host,
        fc.constantFrom('', ':80', ':443', ':8080', ':0080', ':99999'),
        part,
        part,
      )
      .map(([scheme, name, port, path, query]) => `${scheme}://${name}${port}/${path}?${query}`);
    const urls = fc.sample(url, { numRuns: 3000, seed: 4 });
    const answer = await sut.call(
      sut.handler(
        `return Response.json((await request.json()).map((text) => { const u = URL.parse(text);
        return u && [u.href, u.origin, u.protocol, u.host, u.hostname, u.port, u.pathname, u.search, u.hash] }))`,
        { limits: { cpuMs: 5000 } },
      ),
      { method: 'POST', body: Buffer.from(JSON.stringify(urls)) },
    );
    const expected = urls.map((text) => {
      const u = URL.parse(text);
      return u && [u.href, u.origin, u.protocol, u.host, u.hostname, u.port, u.pathname, u.search, u.hash];
    });
    expect(JSON.parse(answer.text)).toEqual(expected);
  });
});
