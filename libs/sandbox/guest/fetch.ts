import type { AbortSignal } from './abort.js';
import { type BodySource, type ReadableStream, takeBody, toBytes } from './body.js';
import { activeCall } from './current.js';
import { calls } from './calls.js';
import { headersFromLines, headersText } from './headers.js';
import { host } from './host.js';
import { attachSink, cancelOp, type OpResult, replaceSink, type StartedOp, startOp } from './ops.js';
import { Request, type RequestInit } from './request.js';
import { Response, ResponseParts } from './response.js';
import { enterHere, isStream, markRemote, streams, takeRemote } from './streams.js';
import { upload } from './upload.js';

/** Bytes of a streamed body asked for ahead of the reader. */
const windowBytes = 256 * 1024;

/** Fetch §5.6. The engine sends the request; it reaches only the hosts that the manifest names. */
export function fetch(input: Request | { toString(): string }, init?: RequestInit): Promise<Response> {
  return send('fetch', '', input, init);
}

/** `env.<DEPENDENCY>`: its `fetch` goes to another proxylet of the same owner on this engine. */
export function dependency(binding: string): object {
  return Object.freeze({
    fetch: (input: Request | { toString(): string }, init?: RequestInit) =>
      send('call', `${binding}\n`, input, init),
  });
}

async function send(
  kind: 'fetch' | 'call',
  prefix: string,
  input: Request | { toString(): string },
  init: RequestInit | undefined,
): Promise<Response> {
  const request = new Request(input, init);
  const { signal } = request;
  signal.throwIfAborted();
  const head = `${prefix}${request.method}\n${request.redirect}\n${request.url}\n${headersText(request.headers)}`;
  const op = startWith(kind, head, takeBody(request));
  const stopListening = listen(signal, op.id);
  const result = await op.result;
  if (!result.isStreaming) stopListening();
  return toResponse(op.id, result);
}

/** What is at hand goes along; a body that lies at the engine stays there; a stream of the guest's own follows. */
function startWith(kind: 'fetch' | 'call', head: string, source: BodySource): StartedOp {
  if (source === null) return startOp(kind, head);
  if (!isStream(source)) return startOp(kind, head, toBytes(source));
  const remote = takeRemote(source);
  if (remote === undefined) {
    const op = startOp(kind, head, undefined, -1);
    void upload(op.id, source);
    return op;
  }
  remote.handedOver(() => undefined);
  return startOp(kind, head, undefined, remote.from);
}

/** The request's own signal and that of the call it is made for. */
function listen(signal: AbortSignal, opId: number): () => void {
  const call = calls.get(activeCall()?.id ?? 0);
  const cancel = (): void => cancelOp(opId, signal.aborted ? signal.reason : call?.signal.reason);
  signal.addEventListener('abort', cancel, { once: true });
  call?.signal.addEventListener('abort', cancel, { once: true });
  return () => {
    signal.removeEventListener('abort', cancel);
    call?.signal.removeEventListener('abort', cancel);
  };
}

/**
 * An operation that is answered as `fetch` is.
 *
 * @param read looks at the lines of the head first; undefined says that there is no response
 */
export async function startResponse(
  kind: string,
  text: string,
  read: (lines: string[]) => string[] | undefined,
): Promise<Response | undefined> {
  const op = startOp(kind, text);
  const result = await op.result;
  const lines = read(result.text.split('\n'));
  return lines && toResponse(op.id, { ...result, text: lines.join('\n') });
}

/** Head of the answer: lines of status, reason, final URL, 1 when redirected, then header names and values. */
function toResponse(opId: number, result: OpResult): Response {
  const lines = result.text.split('\n');
  const status = Number(lines[0]);
  const headers = headersFromLines(lines, 4, 'immutable');
  const hasNoBody = status === 204 || status === 205 || status === 304;
  const source = result.isStreaming ? streamOfOp(opId) : hasNoBody ? null : result.bytes;
  return new Response(
    new ResponseParts(status, lines[1] ?? '', headers, source, lines[2] ?? '', lines[3] === '1', 'basic'),
  );
}

function streamOfOp(opId: number): ReadableStream {
  let granted = 0;
  const { ReadableStream: Stream } = streams();
  const stream: ReadableStream = new Stream<Uint8Array>(
    {
      start(controller) {
        attachSink(opId, {
          push(bytes) {
            granted -= bytes.byteLength;
            controller.enqueue(bytes);
          },
          end: () => controller.close(),
          fail: (error) => controller.error(error),
        });
      },
      pull() {
        enterHere(stream);
        const more = windowBytes - granted;
        if (more < windowBytes / 2) return;
        granted += more;
        host().opCredit(opId, more);
      },
      cancel(reason) {
        cancelOp(opId, reason);
      },
    },
    { highWaterMark: 0 },
  ) as ReadableStream;
  markRemote(stream, {
    from: opId,
    handedOver: (done) => replaceSink(opId, { push: () => undefined, end: done, fail: done }),
  });
  return stream;
}
