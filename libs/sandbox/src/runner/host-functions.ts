import { randomFillSync } from 'node:crypto';
import encodings from 'proxylet:encodings';

/** Host functions that need no engine: pure, bounded, safe on any input. */

const components = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const;
const settable = new Set<string>(components.filter((name) => name !== 'href' && name !== 'origin'));
const maxUrlChars = 64 * 1024;

/** Lines of a URL's components, `''` when it is not valid. A component holds no line feed: the parser drops them. */
export function urlFunction(operation: string, href: string, argument: string): string {
  if (href.length > maxUrlChars || argument.length > maxUrlChars) return '';
  const url = operation === 'resolve' ? URL.parse(href, argument) : URL.parse(href);
  if (url === null) return '';
  if (settable.has(operation)) Reflect.set(url, operation, argument);
  return components.map((name) => url[name]).join('\n');
}

const maxRandomBytes = 65_536;

export function randomFunction(count: number): string {
  if (!(count >= 0 && count <= maxRandomBytes)) return '';
  return randomFillSync(Buffer.alloc(count)).toString('latin1');
}

const decoder = new TextDecoder();
const keepingDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

export function decodeFunction(bytes: ArrayBuffer): string {
  return decoder.decode(bytes);
}

export function decodeKeepingMarkFunction(bytes: ArrayBuffer): string {
  return keepingDecoder.decode(bytes);
}

/** A copy: what a Buffer shares with the pool must not cross. */
export function encodeFunction(text: string): ArrayBuffer {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

export function encodingsFunction(): string {
  return encodings;
}
