/**
 * What the runner hands to the prelude. These functions stay in closures: guest code never holds one. They take
 * and return only strings, numbers and ArrayBuffers, which cross the wall as copies.
 */
export interface Host {
  /** Starts an operation; it ends by `opResult` or `opError` with the same id. */
  readonly op: (
    opId: number,
    kind: string,
    text: string,
    bytes: ArrayBuffer | undefined,
    bodyFrom: BodyFrom | undefined,
  ) => void;
  /** A part of the body that an operation sends; as far as it was granted. */
  readonly opChunk: (opId: number, bytes: ArrayBuffer) => void;
  readonly opChunkEnd: (opId: number) => void;
  readonly opCancel: (opId: number) => void;
  /** Grants bytes of an operation's stream. */
  readonly opCredit: (opId: number, bytes: number) => void;
  /** `kind` 0: the whole answer; 1: its body follows by `chunk`; 2: the whole answer and the end of the call; 3: a WebSocket. */
  readonly respond: (
    callId: number,
    head: string,
    body: string | ArrayBuffer | undefined,
    kind: 0 | 1 | 2 | 3,
  ) => void;
  /** The whole answer but its body, which the engine has. */
  readonly respondFrom: (callId: number, head: string, from: BodyFrom) => void;
  readonly chunk: (callId: number, bytes: ArrayBuffer) => void;
  readonly end: (callId: number) => void;
  /** The response body failed after its head was sent. */
  readonly abort: (callId: number, reason: string) => void;
  /** The call failed before a response: a problem code and a sentence. */
  readonly fail: (callId: number, code: string, detail: string) => void;
  /** A message to the client of a call that was answered by a WebSocket. */
  readonly socketSend: (callId: number, data: string | ArrayBuffer) => void;
  readonly socketClose: (callId: number, code: number, reason: string) => void;
  /** Response sent and every `waitUntil` promise settled. */
  readonly settled: (callId: number) => void;
  /** Grants bytes of a streaming request body. */
  readonly credit: (callId: number, bytes: number) => void;
  readonly timer: (timerId: number, callId: number, delayMs: number) => void;
  readonly clearTimer: (timerId: number) => void;
  readonly log: (callId: number, level: string, text: string) => void;
  /** A limit was broken on this side of the wall. */
  readonly breach: (callId: number, limit: string) => void;
  /** Parses or changes a URL: lines of its components, `''` when it is not valid. */
  readonly url: (operation: string, href: string, argument: string) => string;
  /** One character 0-255 for each random byte. */
  readonly random: (count: number) => string;
  readonly decodeUtf8: (bytes: ArrayBuffer) => string;
  /** As `decodeUtf8`, but a byte order mark at the front stays. */
  readonly decodeUtf8KeepingMark: (bytes: ArrayBuffer) => string;
  readonly encodeUtf8: (text: string) => ArrayBuffer;
  /** Native structured clone. */
  readonly clone: (value: unknown, transfer: readonly ArrayBuffer[]) => unknown;
  /** Pages of WebAssembly memory the guest may have; there in runners with WebAssembly only. */
  readonly wasmPages?: () => number;
  /** Tables of legacy multi-byte encodings, as JSON. */
  readonly encodings: () => string;
  readonly nowMs: () => number;
  /** When the prelude began, as `nowMs`: the origin of `performance.now()`. */
  readonly startedMs: number;
}

/** A body that does not come along: 0 the request of the call, -1 parts that follow, else that of an operation. */
export type BodyFrom = number;

/** Constants of the wall, in one place: what the guest may send at once before it is refused on this side. */
export const guestCaps = {
  errorMessageChars: 4 * 1024,
  errorStackChars: 8 * 1024,
  headerBytes: 64 * 1024,
  logCharsPerCall: 64 * 1024,
  logLineChars: 8 * 1024,
  timers: 1000,
  operations: 256,
  /** Both as `socketCaps` of `src/types.ts`. */
  socketMessageBytes: 1024 * 1024,
  socketQueueBytes: 1024 * 1024,
  localOperations: 1024,
  localBytes: 64 * 1024 * 1024,
} as const;

let given: Host | undefined;

export function setHost(value: Host): void {
  given = value;
}

export function host(): Host {
  if (given === undefined) throw new Error('the prelude has not been started');
  return given;
}
