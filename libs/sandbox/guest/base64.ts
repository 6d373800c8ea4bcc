import { DOMException } from './dom-exception.js';
import { needArguments } from './webidl.js';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** HTML §8.3. */
export function btoa(data: unknown): string {
  needArguments(arguments.length, 1, 'btoa');
  const text = String(data);
  let out = '';
  for (let index = 0; index < text.length; index += 3) {
    const codes = [text.charCodeAt(index), text.charCodeAt(index + 1), text.charCodeAt(index + 2)] as const;
    if (codes.some((code) => code > 0xff)) {
      throw new DOMException('btoa takes characters of one byte only', 'InvalidCharacterError');
    }
    const bits = (codes[0] << 16) | ((codes[1] || 0) << 8) | (codes[2] || 0);
    out += alphabet.charAt(bits >> 18) + alphabet.charAt((bits >> 12) & 63);
    out += index + 1 < text.length ? alphabet.charAt((bits >> 6) & 63) : '=';
    out += index + 2 < text.length ? alphabet.charAt(bits & 63) : '=';
  }
  return out;
}

/** HTML §8.3, with the forgiving decoding of Infra §5: white space anywhere, padding optional. */
export function atob(data: unknown): string {
  needArguments(arguments.length, 1, 'atob');
  const compact = String(data).replace(/[\t\n\f\r ]/g, '');
  const text = compact.length % 4 === 0 ? compact.replace(/={1,2}$/, '') : compact;
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) {
    throw new DOMException('not a base64 text', 'InvalidCharacterError');
  }
  let out = '';
  let bits = 0;
  let count = 0;
  for (const sign of text) {
    bits = ((bits << 6) | alphabet.indexOf(sign)) & 0xff_ffff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += String.fromCharCode((bits >> count) & 0xff);
  }
  return out;
}
