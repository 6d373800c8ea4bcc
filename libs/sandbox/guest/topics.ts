import { collect, readBodyInit, type BodyInit } from './body.js';
import { startOp } from './ops.js';
import { URLSearchParams } from './url-search-params.js';

/** `env.TOPICS`: messages to installations of the same owner that listen. */
export const topics = Object.freeze({
  /**
   * Resolves when the engine has taken the message; who hears it, and when, is not waited for. Text, bytes, a `Blob`
   * and other bodies go as they are; any other value goes as JSON.
   */
  async publish(topic: string, message: unknown): Promise<void> {
    if (typeof topic !== 'string') throw new TypeError('a topic is a string');
    const [source, contentType] = bodyOf(message);
    const bytes = source === null ? new Uint8Array() : await collect(source);
    const type = contentType ?? 'application/octet-stream';
    await startOp('topics.publish', JSON.stringify({ topic, contentType: type }), bytes).result;
  },
});

function bodyOf(message: unknown): ReturnType<typeof readBodyInit> {
  if (typeof message === 'string') return readBodyInit(message);
  if (isPlain(message)) {
    const json = JSON.stringify(message);
    if (json === undefined) throw new TypeError('the message has no JSON form');
    return [json, 'application/json'];
  }
  return readBodyInit(message as BodyInit);
}

/** Whatever is no body of the web's: numbers, arrays, objects without a class, objects with a `toJSON`. */
function isPlain(message: unknown): boolean {
  if (typeof message !== 'object' || message === null) return true;
  const prototype: unknown = Object.getPrototypeOf(message);
  if (prototype === null || prototype === Object.prototype || Array.isArray(message)) return true;
  return typeof Reflect.get(message, 'toJSON') === 'function' && !(message instanceof URLSearchParams);
}
