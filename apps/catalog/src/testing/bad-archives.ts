import { gzipSync, constants, deflateRawSync } from 'node:zlib';

/** Archives no honest program makes, for the catalog to refuse; nothing in it checks anything. */

export interface TarParts {
  readonly path: string | Buffer;
  readonly content?: Buffer | string;
  /** Type flag; `0` is a file. */
  readonly type?: string;
  /** Claimed size, where it is not that of the content. */
  readonly size?: number;
  readonly linkTo?: string;
}

const blockBytes = 512;

/** One member: header and padded content. */
export function member({ path, content = '', type = '0', size, linkTo = '' }: TarParts): Buffer {
  const bytes = Buffer.from(content);
  const header = Buffer.alloc(blockBytes);
  Buffer.from(path).copy(header, 0, 0, 100);
  header.write(['0000644', '0000000', '0000000', ''].join('\0'), 100, 'latin1');
  header.write(`${(size ?? bytes.length).toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  header.write('00000000000', 136, 'latin1');
  header.write(`        ${type}`, 148, 'latin1');
  header.write(linkTo, 157, 'latin1');
  header.write(['ustar', '00'].join('\0'), 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([
    header,
    bytes,
    Buffer.alloc((blockBytes - (bytes.length % blockBytes)) % blockBytes),
  ]);
}

export function tarOf(...members: readonly (TarParts | Buffer)[]): Buffer {
  const parts = members.map((each) => (Buffer.isBuffer(each) ? each : member(each)));
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}

export function gzipOf(...members: readonly (TarParts | Buffer)[]): Buffer {
  return gzipSync(tarOf(...members), { level: 1 });
}

/** A pax header before a member, with these records. */
export function pax(records: Readonly<Record<string, string>>, type = 'x'): Buffer {
  const text = Object.entries(records).map(([key, value]) => {
    const rest = Buffer.byteLength(` ${key}=${value}\n`);
    let length = rest + String(rest).length;
    if (rest + String(length).length > length) length += 1;
    return `${length} ${key}=${value}\n`;
  });
  return member({ path: 'pax', type, content: text.join('') });
}

export const sound = 'export default { fetch() { return new Response("ok"); } };';

export function manifestOf(wishes: Readonly<Record<string, unknown>> = {}): TarParts {
  const manifest = {
    name: 'acme/bad',
    version: '1.0.0',
    runtime: { type: 'isolate', version: '^1' },
    main: 'main.js',
    ...wishes,
  };
  return { path: 'proxylet.json', content: JSON.stringify(manifest) };
}

/** A gzip stream of the same bytes over and over: gigabytes out of a few MB, and quick to make. */
export function* repeated(bytes: Buffer, times: number, before = Buffer.alloc(0)): Generator<Buffer> {
  yield Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
  if (before.length > 0) yield flushed(before);
  const piece = flushed(bytes);
  for (let turn = 0; turn < times; turn += 1) yield piece;
  yield Buffer.concat([deflateRawSync(Buffer.alloc(0)), Buffer.alloc(8)]);
}

/** After a full flush the compressor starts afresh, so that a piece may stand any number of times. */
function flushed(piece: Buffer): Buffer {
  return deflateRawSync(piece, { level: 9, finishFlush: constants.Z_FULL_FLUSH });
}
