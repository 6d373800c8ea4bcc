import { type Duplex, pipeline, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants, createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { type BodyCap, PassedBody } from '@proxylet/sandbox';
import type { HopAnswer } from './hop.js';
import type { HeaderPair } from './outbound-headers.js';

/** Bodies of a stated length up to this are handed over whole. */
const inlineMaxBytes = 64 * 1024;

export interface AnswerBody {
  readonly headers: readonly string[];
  readonly body: Uint8Array | Readable | undefined;
  readonly bodyBytes: number | undefined;
}

/**
 * Headers and body as a guest may see them: decoded, and ending in an error past the cap.
 *
 * @param onEnd called when the body is over in any way, maybe more than once
 */
export async function answerBody(
  { status, headers, body }: HopAnswer,
  method: string,
  cap: BodyCap,
  onEnd: () => void,
): Promise<AnswerBody> {
  if (method === 'HEAD' || status === 204 || status === 205 || status === 304) {
    // The connection goes to the next request once what little there may be has come.
    body.resume();
    onEnd();
    return { headers: headers.flat(), body: undefined, bodyBytes: undefined };
  }
  const decoders = decodersOf(headers);
  // What counts is what the guest gets: the encoded bytes of the answer are under the same cap.
  const passed = decoders.length === 0 ? body : new PassedBody(decode(body, decoders), cap);
  passed.once('close', onEnd);
  const stated = decoders.length === 0 ? statedBytes(headers) : undefined;
  const kept = decoders.length === 0 ? headers : headers.filter(([name]) => !ofEncodedBody.has(name));
  const isSmall = stated !== undefined && stated <= inlineMaxBytes;
  return { headers: kept.flat(), body: isSmall ? await buffer(passed) : passed, bodyBytes: stated };
}

/** A decoded body has neither its old coding nor its old length. */
const ofEncodedBody = new Set(['content-encoding', 'content-length']);

function statedBytes(headers: readonly HeaderPair[]): number | undefined {
  const length = headers.find(([name]) => name === 'content-length')?.[1];
  return length === undefined ? undefined : Number(length);
}

/** As lenient as browsers are with an end that is missing. */
const gzipOptions = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
const brotliOptions = {
  flush: constants.BROTLI_OPERATION_FLUSH,
  finishFlush: constants.BROTLI_OPERATION_FLUSH,
};
const decoderOf: Readonly<Record<string, () => Duplex>> = {
  gzip: () => createGunzip(gzipOptions),
  'x-gzip': () => createGunzip(gzipOptions),
  deflate: () => createInflate(gzipOptions),
  br: () => createBrotliDecompress(brotliOptions),
};
const maxCodings = 5;

/** In the order to undo them; none where one is not known: the guest then gets the body as it came. */
function decodersOf(headers: readonly HeaderPair[]): Duplex[] {
  const text = headers.filter(([name]) => name === 'content-encoding').map(([, value]) => value);
  if (text.length === 0) return [];
  const codings = text
    .join(',')
    .split(',')
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => coding !== '' && coding !== 'identity');
  const isKnown = codings.every((coding) => Object.hasOwn(decoderOf, coding));
  if (!isKnown || codings.length > maxCodings) return [];
  return codings.toReversed().flatMap((coding) => decoderOf[coding]?.() ?? []);
}

function decode(body: Readable, decoders: readonly Duplex[]): Readable {
  // A failure reaches the reader through the last one.
  pipeline([body, ...decoders], () => undefined);
  return decoders.at(-1) ?? body;
}
