import { blockBytes, checksumOf } from './tar-header.js';
import { paddingOf } from './tar-reader.js';

export interface TarFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A POSIX tar whose bytes follow from paths and contents alone: mode 0644, owner 0, time 0. */
export function writeTar(files: readonly TarFile[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { path, bytes } of files) {
    const split = splitPath(path);
    if (split === undefined) {
      const record = paxRecord('path', path);
      parts.push(header('pax-path', '', record.byteLength, 'x'), ...padded(record));
    }
    parts.push(
      header(split?.name ?? 'long-path', split?.prefix ?? '', bytes.byteLength, '0'),
      ...padded(bytes),
    );
  }
  parts.push(Buffer.alloc(2 * blockBytes));
  return Buffer.concat(parts);
}

/** What stands before the bytes of a file in a tar that is written as a stream. @param path at most 100 bytes */
export function tarHeader(path: string, sizeBytes: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new RangeError('the path is too long for one header');
  return header(path, '', sizeBytes, '0');
}

/** What stands behind them. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc(paddingOf(sizeBytes));
}

/** What ends the tar. */
export function tarEnd(): Buffer {
  return Buffer.alloc(2 * blockBytes);
}

/** Name ≤ 100 and prefix ≤ 155 bytes, split at a slash; undefined where no split fits. */
function splitPath(path: string): { readonly prefix: string; readonly name: string } | undefined {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path };
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const prefix = path.slice(0, slash);
    const name = path.slice(slash + 1);
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { prefix, name };
  }
  return undefined;
}

function header(name: string, prefix: string, sizeBytes: number, type: string): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(name, 0);
  block.write('0000644\u00000000000\u00000000000\u0000', 100, 'latin1');
  block.write(`${sizeBytes.toString(8).padStart(11, '0')}\u000000000000000\u0000`, 124, 'latin1');
  block.write(type, 156, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  block.write('0000000\u00000000000\u0000', 329, 'latin1');
  block.write(prefix, 345);
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1');
  return block;
}

function padded(bytes: Uint8Array): Uint8Array[] {
  return [bytes, Buffer.alloc(paddingOf(bytes.byteLength))];
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length > length) length += 1;
  return Buffer.from(`${length} ${key}=${value}\n`);
}
