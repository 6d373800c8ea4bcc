import type { Readable } from 'node:stream';
import { type BodyCap, CappedBody } from '@proxylet/sandbox';
import type { Agent, Dispatcher } from 'undici';
import type { HeaderPair } from './outbound-headers.js';

/** One request on its way, redirects apart. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: readonly HeaderPair[];
  readonly body: Uint8Array | Readable | undefined;
  /** Stated length of a body that streams, bytes. */
  readonly bodyBytes: number | undefined;
}

export interface HopAnswer {
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case. */
  readonly headers: readonly HeaderPair[];
  readonly body: CappedBody;
}

type Controller = Dispatcher.DispatchController;

/** The body of an answer as it comes from the connection, with nothing in between. */
class AnswerBody extends CappedBody {
  private isWhole = false;

  constructor(
    cap: BodyCap,
    private readonly controller: Controller,
  ) {
    super(cap);
    // One that ends early may have no other listener, and would end the engine.
    this.on('error', () => undefined);
  }

  arrived(chunk: Buffer): void {
    if (!this.pass(chunk)) this.controller.pause();
  }

  end(): void {
    this.isWhole = true;
    this.push(null);
  }

  override _read(): void {
    this.controller.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.isWhole) this.controller.abort(error ?? new Error('nobody reads on'));
    done(error);
  }
}

/** Sends it without looking at what comes back; a body that streams is used up by it. */
export function sendHop(hop: Hop, agent: Agent, cap: BodyCap, signal: AbortSignal): Promise<HopAnswer> {
  const { url, method, body } = hop;
  return new Promise((resolve, reject) => {
    agent.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: headersOf(hop),
        body: body ?? null,
      },
      new AnswerHandler(cap, signal, resolve, reject),
    );
  });
}

class AnswerHandler implements Dispatcher.DispatchHandler {
  private controller: Controller | undefined;
  private body: AnswerBody | undefined;
  private readonly onAbort = (): void => {
    const reason = this.signal.reason as Error;
    if (this.body !== undefined) this.body.destroy(reason);
    else this.controller?.abort(reason);
  };

  constructor(
    private readonly cap: BodyCap,
    private readonly signal: AbortSignal,
    private readonly resolve: (answer: HopAnswer) => void,
    private readonly reject: (error: Error) => void,
  ) {
    signal.addEventListener('abort', this.onAbort, { once: true });
  }

  onRequestStart(controller: Controller): void {
    this.controller = controller;
    if (this.signal.aborted) controller.abort(this.signal.reason as Error);
  }

  onResponseStart(controller: Controller, status: number, _: unknown, statusText = ''): void {
    if (status < 200) return;
    const body = new AnswerBody(this.cap, controller);
    this.body = body;
    body.once('close', () => this.signal.removeEventListener('abort', this.onAbort));
    this.resolve({ status, statusText, headers: pairsOf(controller), body });
  }

  onResponseData(_: Controller, chunk: Buffer): void {
    if (this.body?.destroyed === false) this.body.arrived(chunk);
  }

  onResponseEnd(): void {
    this.body?.end();
  }

  onResponseError(_: Controller | undefined, error: Error): void {
    this.signal.removeEventListener('abort', this.onAbort);
    if (this.body === undefined) this.reject(error);
    else this.body.destroy(error);
  }
}

function headersOf({ headers, body, bodyBytes }: Hop): string[] {
  const flat = headers.flat();
  if (bodyBytes !== undefined && body !== undefined) flat.push('content-length', String(bodyBytes));
  return flat;
}

/** Of the bytes as they came; a header value is Latin-1 (RFC 9110 §5.5). */
function pairsOf({ rawHeaders }: Controller): HeaderPair[] {
  const raw = (Array.isArray(rawHeaders) ? rawHeaders : []) as readonly (Buffer | string)[];
  const pairs: HeaderPair[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    pairs.push([textOf(raw[i]).toLowerCase(), textOf(raw[i + 1])]);
  }
  return pairs;
}

function textOf(bytes: Buffer | string | undefined): string {
  return typeof bytes === 'string' ? bytes : (bytes?.toString('latin1') ?? '');
}
