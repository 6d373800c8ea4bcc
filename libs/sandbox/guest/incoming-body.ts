import type { ReadableStream } from './body.js';
import type { Call } from './calls.js';
import { host } from './host.js';
import { enterHere, markRemote, streams } from './streams.js';

/** Bytes of a request body asked for ahead of the reader. */
const windowBytes = 256 * 1024;

/** The body of a call that did not come whole: bytes are asked for as the guest reads. */
export function incomingBody(call: Call): ReadableStream {
  let granted = 0;
  const { ReadableStream: Stream } = streams();
  const stream: ReadableStream = new Stream<Uint8Array>(
    {
      start(controller) {
        call.requestBody = {
          push(bytes) {
            granted -= bytes.byteLength;
            controller.enqueue(bytes);
          },
          end() {
            call.requestBody = undefined;
            controller.close();
          },
          abort(reason) {
            call.requestBody = undefined;
            controller.error(new TypeError(reason));
          },
        };
      },
      pull() {
        enterHere(stream);
        const more = windowBytes - granted;
        if (more < windowBytes / 2) return;
        granted += more;
        host().credit(call.id, more);
      },
      cancel() {
        call.requestBody = undefined;
      },
    },
    { highWaterMark: 0 },
  ) as ReadableStream;
  markRemote(stream, {
    from: 0,
    handedOver(done) {
      call.requestBody = { push: () => undefined, end: done, abort: done };
    },
  });
  return stream;
}
