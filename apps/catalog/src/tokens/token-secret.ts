import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** How every token of this catalog begins; secret scanners look for it. */
export const tokenPrefix = 'pxl_';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^40 is more than 2^238. */
const randomLength = 40;
/** 62^6 is more than 2^32. */
const checkLength = 6;
const form = new RegExp(`^${tokenPrefix}[0-9A-Za-z]{${randomLength + checkLength}}$`);

/** `pxl_`, 40 random letters and digits, and 6 that check them. */
export function newSecret(): string {
  const body = Array.from({ length: randomLength }, () => alphabet[randomInt(alphabet.length)]).join('');
  return `${tokenPrefix}${body}${checkOf(body)}`;
}

/** Whether the text can be a token at all: a slip of the pen is found without asking the database. */
export function isSecret(text: string): boolean {
  if (!form.test(text)) return false;
  const body = text.slice(tokenPrefix.length, -checkLength);
  return text.endsWith(checkOf(body));
}

/** What is kept of a secret: hex SHA-256. The secret is random, so that no salt is needed. */
export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** What may be shown of it, to tell tokens apart. */
export function shownPart(secret: string): string {
  return secret.slice(0, tokenPrefix.length + 6);
}

function checkOf(body: string): string {
  let rest = crc32(body);
  let text = '';
  for (let i = 0; i < checkLength; i += 1) {
    text = `${alphabet[rest % alphabet.length] ?? ''}${text}`;
    rest = Math.floor(rest / alphabet.length);
  }
  return text;
}
