import { deflateRawSync, gzipSync } from 'node:zlib';
import { createGzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { type Header as TarStreamHeaders, pack as tarStreamPack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { defaultLimits } from './limits.js';
import { readArchive } from './read-archive.js';
import { checksumOf } from './tar-header.js';

const manifest = JSON.stringify({
  name: 'a/b',
  version: '1.0.0',
  runtime: { type: 'isolate', version: '^1' },
});
const main = 'export default {};';

interface Raw {
  readonly path: string | Buffer;
  readonly text?: string | Buffer;
  readonly type?: string;
  readonly link?: string;
  readonly size?: number | string;
  readonly magic?: string;
  readonly tweak?: (block: Buffer) => void;
}

/** One tar member made by hand, so that a test can lie in any field. */
function member({
  path,
  text = '',
  type = '0',
  link = '',
  size,
  magic = 'ustar\u000000',
  tweak,
}: Raw): Buffer {
  const content = Buffer.from(text);
  const block = Buffer.alloc(512);
  Buffer.from(path).copy(block, 0, 0, 100);
  block.write('0000644\0', 100, 'latin1');
  const shownSize = typeof size === 'string' ? size : (size ?? content.length).toString(8).padStart(11, '0');
  block.write(shownSize, 124, 'latin1');
  block.write(type, 156, 'latin1');
  block.write(link, 157, 'latin1');
  block.write(magic, 257, 'latin1');
  tweak?.(block);
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([block, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function pax(records: Readonly<Record<string, string>>, type = 'x'): Buffer {
  const text = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    const length = rest + String(rest + String(rest).length).length;
    return `${length} ${key}=${value}\n`;
  });
  return member({ path: 'pax', type, text: text.join('') });
}

const good = [
  member({ path: 'proxylet.json', text: manifest }),
  member({ path: 'dist/index.js', text: main }),
];
const end = Buffer.alloc(1024);

function tar(...members: Buffer[]): Buffer {
  return Buffer.concat([...members, end]);
}

/** In chunks of an odd size, as a network gives them. */
function read(bytes: Buffer, chunkBytes = 997) {
  const chunks = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  return readArchive(Readable.from(chunks));
}

function withExtra(extra: Raw | Buffer): Buffer {
  return gzipSync(tar(...good, Buffer.isBuffer(extra) ? extra : member(extra)));
}

describe('readArchive', () => {
  it('reads manifest, main and the digests of all files', async () => {
    const archive = await read(gzipSync(tar(...good)), 1);
    expect(archive.manifest.name).toBe('a/b');
    expect(archive.main).toBe(main);
    expect(archive.files.map(({ path }) => path)).toEqual(['proxylet.json', 'dist/index.js']);
    expect(archive.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('takes any order of files, a leading ./, directories, long names of GNU tar and pax, harmless pax keys', async () => {
    const long = `deep/${'x'.repeat(120)}`;
    const archive = await read(
      gzipSync(
        tar(
          pax({ comment: 'from git' }, 'g'),
          member({ path: './', type: '5' }),
          member({ path: './dist/', type: '5' }),
          member({ path: './dist/index.js', text: main, magic: 'ustar  \u0000' }),
          member({ path: '././@LongLink', type: 'L', text: `${long}a\0`, magic: 'ustar  \u0000' }),
          member({ path: long.slice(0, 100), text: '1', magic: 'ustar  \u0000' }),
          pax({ path: `${long}b`, mtime: '1.5', 'SCHILY.xattr.user.x': 'y' }),
          member({ path: 'short', text: '2' }),
          member({ path: './proxylet.json', text: manifest }),
        ),
      ),
    );
    expect(archive.files.map(({ path }) => path)).toEqual([
      'dist/index.js',
      `${long}a`,
      `${long}b`,
      'proxylet.json',
    ]);
  });

  it('reads what tar-stream writes', async () => {
    const writer = tarStreamPack();
    const headers: Partial<TarStreamHeaders>[] = [{ name: 'dist/index.js' }, { name: 'proxylet.json' }];
    writer.entry(headers[0] as TarStreamHeaders, main);
    writer.entry(headers[1] as TarStreamHeaders, manifest);
    writer.finalize();
    const archive = await readArchive(writer.pipe(createGzip()));
    expect(archive.main).toBe(main);
  });

  it.each<[string, string, Raw | Buffer]>([
    ['dot-dot', '..', { path: '../evil.js', text: 'x' }],
    ['absolute', 'absolute', { path: '/etc/cron.d/x', text: 'x' }],
    ['drive', 'drive', { path: 'C:/x', text: 'x' }],
    ['backslash', 'backslash', { path: 'a\\..\\b', text: 'x' }],
    ['hard-link', 'hard link', { path: 'l', type: '1', link: 'proxylet.json' }],
    ['symbolic-link', 'symbolic link', { path: 'l', type: '2', link: '/etc/passwd' }],
    ['character-device', 'device', { path: 'd', type: '3' }],
    ['block-device', 'device', { path: 'd', type: '4' }],
    ['pipe', 'pipe', { path: 'p', type: '6' }],
    ['sparse', 'sparse', { path: 's', type: 'S' }],
    ['contiguous', 'not a regular file', { path: 's', type: '7' }],
    ['volume-label', 'not a regular file', { path: 's', type: 'V' }],
    ['duplicate', 'twice', { path: 'dist/index.js', text: 'x' }],
    ['case-collision', 'only by case', { path: 'DIST/Index.js', text: 'x' }],
    ['second-manifest', 'twice', { path: 'proxylet.json', text: manifest }],
    ['case-manifest', 'only by case', { path: 'Proxylet.json', text: manifest }],
    ['file-ends-in-slash', 'empty part', { path: 'dir/', text: 'x' }],
    ['directory-with-content', 'directory with content', { path: 'dir/', type: '5', text: 'x' }],
    ['negative-size', 'octal', { path: 's', size: '-0000000001' }],
    ['base-256-size', 'octal', { path: 's', size: '\x80\0\0\0\0\0\0\0\0\0\x10\0' }],
    [
      'gnu-prefix',
      'different ways',
      { path: 's', magic: 'ustar  \0', tweak: (block) => void block.write('p', 345) },
    ],
    ['pax-path-climbs', '..', Buffer.concat([pax({ path: '../x' }), member({ path: 'ok' })])],
    ['pax-nul', 'control', Buffer.concat([pax({ path: 'a\0b' }), member({ path: 'ok' })])],
    [
      'pax-size-differs',
      'two different sizes',
      Buffer.concat([pax({ size: '0' }), member({ path: 'x', text: 'hidden' })]),
    ],
    ['too-large-claim', 'larger than', { path: 'big', size: 70_000_000 }],
  ])('refuses the entry: %s', async (_attack, why, extra) => {
    const code = why === 'larger than' ? 'archive-too-large' : 'archive-entry-refused';
    await expect(read(withExtra(extra))).rejects.toMatchObject({
      code,
      detail: expect.stringContaining(why),
    });
  });

  it.each<[string, string, Raw | Buffer]>([
    ['bad-checksum', 'checksum', Buffer.alloc(512, 1)],
    ['unknown-magic', 'unknown kind', { path: 'x', magic: 'v7' }],
    ['nul-hides-name', 'behind a NUL', { path: 'a\0b', text: 'x' }],
    ['name-not-utf8', 'not UTF-8', { path: Buffer.from([0xff, 0xfe]) }],
    ['pax-malformed', 'malformed', Buffer.concat([member({ path: 'p', type: 'x', text: '99 path=x\n' })])],
    ['pax-repeated', 'same key', member({ path: 'p', type: 'x', text: '10 path=a\n10 path=b\n' })],
    ['pax-linkpath', 'not taken', Buffer.concat([pax({ linkpath: '/etc' }), member({ path: 'x' })])],
    ['pax-sparse', 'not taken', Buffer.concat([pax({ 'GNU.sparse.major': '1' }), member({ path: 'x' })])],
    ['pax-charset', 'not taken', Buffer.concat([pax({ hdrcharset: 'BINARY' }), member({ path: 'x' })])],
    ['pax-global-path', 'one path', Buffer.concat([pax({ path: 'all' }, 'g'), member({ path: 'x' })])],
    ['pax-then-nothing', 'ends after', pax({ path: 'x' })],
    ['pax-huge', 'too long', member({ path: 'p', type: 'x', size: 70_000 })],
    [
      'two-extensions',
      'in a row',
      Buffer.concat([pax({ path: 'x' }), member({ path: 'l', type: 'L', text: 'y' })]),
    ],
    ['second-archive-behind-end', 'goes on', Buffer.concat([end, member({ path: 'x' })])],
    ['lone-zero-block', 'goes on', Buffer.concat([Buffer.alloc(512), member({ path: 'x' })])],
  ])('refuses the archive: %s', async (_attack, why, extra) => {
    await expect(read(withExtra(extra))).rejects.toMatchObject({
      code: 'archive-invalid',
      detail: expect.stringContaining(why),
    });
  });

  it.each<[string, Buffer]>([
    ['empty', Buffer.alloc(0)],
    ['not gzip', Buffer.from('hello world, this is no archive')],
    ['plain tar', tar(...good)],
    ['gzip of something else', gzipSync('hello')],
    ['truncated in the middle', gzipSync(tar(...good)).subarray(0, 80)],
    ['truncated in the header', gzipSync(tar(...good)).subarray(0, 5)],
    ['truncated in the trailer', gzipSync(tar(...good)).subarray(0, -3)],
    ['trailing bytes', Buffer.concat([gzipSync(tar(...good)), Buffer.from('x')])],
    ['trailing zeros', Buffer.concat([gzipSync(tar(...good)), Buffer.alloc(2000)])],
    ['second member', Buffer.concat([gzipSync(tar(...good)), gzipSync('more')])],
    ['second member that completes the tar', Buffer.concat([gzipSync(tar(...good)), gzipSync(end)])],
    ['wrong crc', Buffer.concat([gzipSync(tar(...good)).subarray(0, -8), Buffer.alloc(8)])],
    ['tar cut off', gzipSync(tar(...good).subarray(0, -1300))],
    ['no end mark', gzipSync(Buffer.concat(good))],
  ])('refuses bytes that are %s', async (_what, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({ code: 'archive-invalid' });
  });

  it.each<[string, string, Buffer[]]>([
    ['manifest-missing', 'no proxylet.json', [member({ path: 'dist/index.js', text: main })]],
    [
      'manifest-missing',
      'package/proxylet.json',
      [member({ path: 'package/proxylet.json', text: manifest })],
    ],
    ['manifest-missing', 'Proxylet.JSON', [member({ path: 'Proxylet.JSON', text: manifest })]],
    ['manifest-invalid', 'not JSON', [member({ path: 'proxylet.json', text: '{' })]],
    ['manifest-invalid', 'nested deeper', [member({ path: 'proxylet.json', text: '['.repeat(30_000) })]],
    ['manifest-invalid', 'larger than', [member({ path: 'proxylet.json', text: ' '.repeat(70_000) })]],
    ['manifest-invalid', 'UTF-8', [member({ path: 'proxylet.json', text: Buffer.from([0xff]) })]],
    ['manifest-invalid', 'faults', [member({ path: 'proxylet.json', text: '{}' })]],
    ['main-missing', 'dist/index.js', [member({ path: 'proxylet.json', text: manifest })]],
  ])('refuses with %s: %s', async (code, why, members) => {
    await expect(read(gzipSync(tar(...members)))).rejects.toMatchObject({
      code,
      detail: expect.stringContaining(why),
    });
  });

  it('refuses a main that is not UTF-8 or too large', async () => {
    const invalid = member({ path: 'dist/index.js', text: Buffer.from([0x80]) });
    await expect(read(gzipSync(tar(good[0] as Buffer, invalid)))).rejects.toMatchObject({
      code: 'main-invalid',
    });
    const large = member({ path: 'dist/index.js', text: noise(9_000_000) });
    for (const members of [
      [good[0] as Buffer, large],
      [large, good[0] as Buffer],
    ]) {
      await expect(read(gzipSync(tar(...members)), 65_536)).rejects.toMatchObject({ code: 'main-invalid' });
    }
  });

  it('says what to do where too much JavaScript comes before the manifest', async () => {
    const filler = ['a', 'b', 'dist/index'].map((n) => member({ path: `${n}.js`, text: noise(7_000_000) }));
    await expect(read(gzipSync(tar(...filler, good[0] as Buffer), { level: 1 }), 65_536)).rejects.toThrow(
      'Put proxylet.json before',
    );
  });

  it('refuses more than 2000 entries, extension headers counted', async () => {
    const many = Array.from({ length: 1999 }, (_, index) => member({ path: `f${index}` }));
    const limits = { ...defaultLimits, ratio: 1e9 };
    await expect(readArchive(Readable.from([gzipSync(tar(...good, ...many))]), limits)).rejects.toMatchObject(
      {
        code: 'archive-too-large',
      },
    );
  });

  it('refuses more packed bytes than allowed without reading on', async () => {
    let given = 0;
    async function* endless() {
      yield gzipSync(tar(...good)).subarray(0, 10);
      for (;;) {
        given += 65_536;
        yield await Promise.resolve(deflateRawSync(noise(60_000)).subarray(0, -10));
      }
    }
    await expect(readArchive(endless(), { ...defaultLimits, packedBytes: 1_000_000 })).rejects.toMatchObject({
      code: expect.stringMatching(/archive-(too-large|invalid)/),
    });
    expect(given).toBeLessThan(3_000_000);
  });

  it('survives a 10 GB bomb: quick, and in constant memory', async () => {
    const gzip = createGzip({ level: 9 });
    const zeros = Buffer.alloc(1024 * 1024);
    async function* bomb() {
      yield member({ path: 'zeros', size: 8 * 1024 ** 3 - 1 });
      for (let written = 0; written < 10 * 1024; written += 1) yield await Promise.resolve(zeros);
    }
    const source = Readable.from(bomb());
    source.on('error', () => undefined);
    const before = process.memoryUsage().rss;
    const started = performance.now();
    await expect(
      readArchive(source.pipe(gzip), { ...defaultLimits, fileBytes: Number.MAX_SAFE_INTEGER }),
    ).rejects.toMatchObject({ code: 'archive-too-large', detail: expect.stringContaining('200 times') });
    source.destroy();
    expect(performance.now() - started).toBeLessThan(5000);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
  });

  it('passes an error of the source on as it is', async () => {
    await expect(readArchive(broken())).rejects.toThrow('the line went dead');
  });
});

/** Bytes that do not compress, the same in every run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = 33 + ((state >>> 24) % 90);
  }
  return bytes;
}

async function* broken() {
  yield gzipSync(tar(...good)).subarray(0, 50);
  throw await Promise.resolve(new Error('the line went dead'));
}
