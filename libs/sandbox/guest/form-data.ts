import { Blob, blobBytes, File, join } from './blob.js';
import { refuseCloning } from './clone.js';
import { randomUuid } from './crypto.js';
import { host } from './host.js';
import { exactBuffer } from './ops.js';
import { URLSearchParams } from './url-search-params.js';
import { defineInterface, defineIterable } from './webidl.js';

type FormValue = string | File;

let entryAt: (form: FormData, index: number) => [string, FormValue] | undefined;

/** XMLHttpRequest §5. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its iteration is defined below, on the prototype
export class FormData {
  #entries: [name: string, value: FormValue][] = [];

  constructor(form?: undefined) {
    if (form !== undefined) throw new TypeError('there are no forms here');
  }

  append(name: string, value: unknown, filename?: string): void {
    this.#entries.push([scalar(name), valueOf(value, filename)]);
  }

  delete(name: string): void {
    const key = scalar(name);
    this.#entries = this.#entries.filter(([known]) => known !== key);
  }

  get(name: string): FormValue | null {
    const key = scalar(name);
    return this.#entries.find(([known]) => known === key)?.[1] ?? null;
  }

  getAll(name: string): FormValue[] {
    const key = scalar(name);
    return this.#entries.filter(([known]) => known === key).map(([, value]) => value);
  }

  has(name: string): boolean {
    const key = scalar(name);
    return this.#entries.some(([known]) => known === key);
  }

  set(name: string, value: unknown, filename?: string): void {
    const key = scalar(name);
    const held = valueOf(value, filename);
    const at = this.#entries.findIndex(([known]) => known === key);
    if (at < 0) {
      this.#entries.push([key, held]);
      return;
    }
    this.#entries = this.#entries.filter(([known], index) => index <= at || known !== key);
    this.#entries[at] = [key, held];
  }

  static {
    entryAt = (form, index) => form.#entries[index];
  }
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its iteration is defined below, on the prototype
export interface FormData extends Iterable<[string, FormValue]> {}
defineIterable<FormData, FormValue>(FormData, 'FormData', (form, index) => entryAt(form, index));
defineInterface(FormData, 'FormData', {
  constructor: 0,
  append: 2,
  delete: 1,
  get: 1,
  getAll: 1,
  has: 1,
  set: 2,
  forEach: 1,
});

refuseCloning(FormData);

function scalar(value: unknown): string {
  return String(value).toWellFormed();
}

function valueOf(value: unknown, filename: string | undefined): FormValue {
  if (!(value instanceof Blob)) {
    if (filename !== undefined) throw new TypeError('a file name goes with a Blob');
    return scalar(value);
  }
  if (value instanceof File && filename === undefined) return value;
  const name = filename ?? (value instanceof File ? value.name : 'blob');
  return new File([value], name, {
    type: value.type,
    ...(value instanceof File ? { lastModified: value.lastModified } : {}),
  });
}

/** HTML §4.10.22.7: the form as multipart/form-data, and its content type. */
export function encodeForm(form: FormData): [bytes: Uint8Array, contentType: string] {
  const boundary = `----proxylet-${randomUuid()}`;
  const parts: Uint8Array[] = [];
  for (const [name, value] of form) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(withCrlf(name))}"`;
    if (typeof value === 'string') {
      parts.push(utf8(`${head}\r\n\r\n${withCrlf(value)}\r\n`));
      continue;
    }
    const type = value.type === '' ? 'application/octet-stream' : value.type;
    parts.push(utf8(`${head}; filename="${escapeName(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`));
    parts.push(blobBytes(value), utf8('\r\n'));
  }
  parts.push(utf8(`--${boundary}--\r\n`));
  return [join(parts), `multipart/form-data; boundary=${boundary}`];
}

function withCrlf(text: string): string {
  return text.replaceAll(/\r\n|\r|\n/g, '\r\n');
}

function escapeName(text: string): string {
  return text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}

function utf8(text: string): Uint8Array {
  return new Uint8Array(host().encodeUtf8(text));
}

const maxParts = 10_000;

/**
 * Fetch §5.3 `formData()`.
 *
 * @throws TypeError when the content type is no form or the bytes are not one
 */
export function decodeForm(bytes: Uint8Array, contentType: string): FormData {
  const [essence = '', ...parameters] = contentType.split(';');
  const type = essence.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') {
    return fromQuery(host().decodeUtf8KeepingMark(exactBuffer(bytes)));
  }
  const boundary = parameters
    .map((parameter) => /^\s*boundary=(?:"([^"]{1,200})"|([^\s"]{1,200}))\s*$/i.exec(parameter))
    .find((match) => match !== null);
  if (type !== 'multipart/form-data' || boundary === undefined) throw new TypeError('the body is not a form');
  return fromMultipart(bytes, boundary[1] ?? boundary[2] ?? '');
}

function fromQuery(query: string): FormData {
  const form = new FormData();
  for (const [name, value] of new URLSearchParams(query)) form.append(name, value);
  return form;
}

/** Works on one character for each byte: a search in a string is native, a search in bytes is not. */
function fromMultipart(bytes: Uint8Array, boundary: string): FormData {
  const form = new FormData();
  const raw = latin1(bytes);
  const mark = `--${boundary}`;
  let at = raw.startsWith(mark) ? 0 : raw.indexOf(`\r\n${mark}`) + 2;
  if (at === 1) throw new TypeError('the form has no boundary');
  for (let count = 0; ; count += 1) {
    at += mark.length;
    if (raw.startsWith('--', at)) return form;
    const headEnd = raw.indexOf('\r\n\r\n', at);
    const end = headEnd < 0 ? -1 : raw.indexOf(`\r\n${mark}`, headEnd + 2);
    if (end < 0 || count >= maxParts) throw new TypeError('the form is cut off or has too many parts');
    addPart(form, text(bytes.subarray(at, headEnd)), bytes.slice(headEnd + 4, Math.max(end, headEnd + 4)));
    at = end + 2;
  }
}

function addPart(form: FormData, head: string, content: Uint8Array): void {
  const disposition = /^content-disposition:\s*form-data\s*;(.*)$/im.exec(head)?.[1];
  const name = disposition === undefined ? undefined : parameterOf(disposition, 'name');
  if (disposition === undefined || name === undefined) throw new TypeError('a part of the form has no name');
  const filename = parameterOf(disposition, 'filename');
  if (filename === undefined) {
    form.append(name, text(content));
    return;
  }
  const type = /^content-type:\s*(.*?)\s*$/im.exec(head)?.[1] ?? 'text/plain';
  form.append(name, new File([content], filename, { type }));
}

function parameterOf(disposition: string, key: string): string | undefined {
  const match = new RegExp(`(?:^|;)\\s*${key}="([^"]*)"`, 'i').exec(disposition);
  return match?.[1]?.replaceAll(/%0A/gi, '\n').replaceAll(/%0D/gi, '\r').replaceAll('%22', '"');
}

function text(bytes: Uint8Array): string {
  return host().decodeUtf8(exactBuffer(bytes));
}

function latin1(bytes: Uint8Array): string {
  const chunk = 8192;
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += chunk) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + chunk)));
  }
  return parts.join('');
}
