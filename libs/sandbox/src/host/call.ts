import { Readable } from 'node:stream';
import { isProblemCode, Problem, type ProblemCode, problemCodes } from '@proxylet/contract';
import { BystanderLoss } from './bystander-loss.js';
import { CappedBody } from './capped-body.js';
import { CreditedPump } from './credited-pump.js';
import { PassedBody } from './passed-body.js';
import { HostSocket, type SocketWire } from './socket.js';
import { type FrameWriter, toRunner } from '../wire/frames.js';
import { decodeResponseHead } from '../wire/messages.js';
import type { Guest, GuestRequest, GuestResponse, OnBehalf, TraceContext } from '../types.js';
import { newTrace } from './trace.js';

/** What a call needs of the link it runs over. */
export interface CallLink {
  readonly writer: FrameWriter;
  flushSoon(): void;
  finished(call: HostCall): void;
  /** It ended with a problem, before its response or within. */
  failed(call: HostCall, problem: Problem): void;
}

/** A stream that the engine holds, on its way to another reader. */
export interface TakenBody {
  readonly body: Readable;
  /** Stated length, bytes. */
  readonly bodyBytes: number | undefined;
}

const windowBytes = 256 * 1024;

/** One call as the engine sees it: settles once, then carries a streaming response to its end. */
export class HostCall {
  private readonly timer: NodeJS.Timeout;
  /** Whether the answer's body is one that never was in the guest. */
  isPassedOn = false;
  private trace: TraceContext | undefined;
  private isSettled = false;
  private isOver = false;
  private response: Readable | undefined;
  private socket: HostSocket | undefined;
  private responseBytes = 0;
  private outstandingCredit = 0;
  private requestBody: PassedBody | undefined;
  private requestPump: CreditedPump | undefined;
  private readonly onAbort = (): void => {
    this.cancel('the caller went away', new Problem('request-cancelled', 'The caller went away.'));
  };

  constructor(
    readonly id: number,
    readonly guest: Guest,
    private readonly request: GuestRequest | undefined,
    private readonly link: CallLink,
    private readonly resolve: (response: GuestResponse) => void,
    private readonly reject: (problem: Problem) => void,
  ) {
    const { timeoutMs } = guest.limits;
    this.timer = setTimeout(() => this.cancel('out of time', this.outOfTime()), timeoutMs);
    request?.signal.addEventListener('abort', this.onAbort, { once: true });
  }

  get traceId(): string | undefined {
    return this.request?.traceId;
  }

  get onBehalf(): OnBehalf | undefined {
    if (this.request === undefined) return undefined;
    const { user, traceId, depth = 0, chain = [] } = this.request;
    this.trace ??= this.request.trace ?? newTrace();
    return { user, traceId, trace: this.trace, depth, chain };
  }

  /** Who kept the call waiting: the caller, where the guest reads a body that does not come. */
  private outOfTime(): Problem {
    const { timeoutMs } = this.guest.limits;
    if (this.requestPump?.isWaiting === true) return bodyTooSlow(timeoutMs);
    return new Problem('time-limit', `It did not finish within its ${timeoutMs} ms.`);
  }

  /** A request body that did not come whole: sent as far as the guest grants, untouched until it does. */
  streamBody(body: Readable): void {
    const { writer } = this.link;
    const { bodyBytes } = this.guest.limits;
    const passed = new PassedBody(body, {
      maxBytes: bodyBytes,
      tooLarge: () => bodyTooLarge(bodyBytes),
      // The body belongs to the caller, who may still be answered on the same connection.
      keepsSource: true,
    });
    this.requestBody = passed;
    this.requestPump = new CreditedPump(passed, {
      chunk: (bytes) => {
        writer.frame(toRunner.body, this.id, 0, '', bytes);
        this.link.flushSoon();
      },
      end: () => this.bodyOver(undefined),
      failed: (error) => {
        if (error instanceof Problem) this.cancel('body too large', error);
        else this.bodyOver('the request body broke off');
      },
    });
  }

  grantRequest(bytes: number): void {
    this.requestPump?.grant(bytes);
  }

  /** The request's body, for somebody else to read; undefined where there is none or the guest has begun to read it. */
  takeRequestBody(): TakenBody | undefined {
    const body = this.requestBody;
    if (body === undefined || this.requestPump?.release() !== true) return undefined;
    this.requestPump = undefined;
    body.once('close', () => {
      if (body.errored instanceof Problem) this.cancel('body too large', body.errored);
      else this.bodyOver(body.readableEnded ? undefined : 'the request body broke off');
    });
    return { body, bodyBytes: this.request?.bodyBytes };
  }

  /** The guest keeps its call open as long as the body that it passed on flows. */
  private bodyOver(fault: string | undefined): void {
    if (fault === undefined) this.link.writer.frame(toRunner.bodyEnd, this.id);
    else this.link.writer.frame(toRunner.bodyAbort, this.id, 0, fault);
    this.link.flushSoon();
  }

  loaded(): void {
    this.settle({ status: 204, headers: [], body: undefined });
    this.finish();
  }

  respond(text: string, bytes: Buffer, isStreaming: boolean): void {
    const head = decodeResponseHead(text);
    if (head === undefined) {
      this.failWith('proxylet-bad-response', 'The response has a status or headers that cannot be sent.');
      return;
    }
    if (bytes.length > this.guest.limits.bodyBytes) {
      this.failWith('response-too-large', responseTooLarge(this.guest.limits.bodyBytes));
      return;
    }
    if (!isStreaming) {
      this.settle({ ...head, body: bytes.length === 0 ? undefined : bytes });
      this.finish();
      return;
    }
    this.response = new Readable({
      highWaterMark: windowBytes / 4,
      read: () => this.grantResponse(),
      destroy: (error, done) => {
        this.readerStopped();
        done(error);
      },
    });
    this.settleStreaming(head, this.response, undefined);
  }

  /** The answer's body is one that the engine holds; undefined where it is gone by now. */
  respondFrom(text: string, taken: TakenBody | undefined): void {
    const head = decodeResponseHead(text);
    if (head === undefined || taken === undefined) {
      taken?.body.destroy();
      const reason =
        head === undefined
          ? 'The response has a status or headers that cannot be sent.'
          : 'The body that it answered with was read or ended before.';
      this.failWith('proxylet-bad-response', reason);
      return;
    }
    const { bodyBytes: maxBytes } = this.guest.limits;
    const cap = { maxBytes, tooLarge: () => new Problem('response-too-large', responseTooLarge(maxBytes)) };
    const body = taken.body instanceof CappedBody ? taken.body.under(cap) : new PassedBody(taken.body, cap);
    this.response = body;
    this.isPassedOn = true;
    body.once('end', () => this.finish());
    body.once('close', () => this.readerStopped());
    this.settleStreaming(head, body, taken.bodyBytes);
  }

  /** The answer is a WebSocket: the call lasts as long as its connection, and no longer counts by the clock. */
  openSocket(text: string): void {
    const headers = decodeResponseHead(text.replace(/^101(?=\n|$)/, '200'))?.headers;
    if (this.request?.takesWebSocket !== true || headers === undefined) {
      this.cancel(
        'no WebSocket was asked for',
        new Problem(
          'proxylet-bad-response',
          'It answered with a WebSocket to a request that asked for none.',
        ),
      );
      return;
    }
    clearTimeout(this.timer);
    this.isPassedOn = true;
    this.socket = new HostSocket(this.wireOfSocket());
    this.settle({ status: 101, headers, body: undefined, webSocket: this.socket });
  }

  private wireOfSocket(): SocketWire {
    const { writer } = this.link;
    const send = (type: number, arg: number, text?: string, bytes?: Uint8Array): void => {
      writer.frame(type, this.id, arg, text, bytes);
      this.link.flushSoon();
    };
    return {
      message: (data) => {
        if (typeof data === 'string') send(toRunner.socketMessage, 0, data);
        else send(toRunner.socketMessage, 1, '', data);
      },
      close: (code, reason) => send(toRunner.socketClose, code, reason),
      credit: (bytes) => send(toRunner.socketCredit, bytes),
      over: () => this.finish(),
      refuse: () => {
        this.cancel(
          'too much was sent',
          new Problem('quota-exceeded', 'It sent more to its WebSocket than it may.'),
        );
      },
    };
  }

  socketMessage(isBinary: boolean, text: string, bytes: Buffer): void {
    this.socket?.sent(isBinary ? bytes : text);
  }

  socketClose(code: number, reason: string): void {
    this.socket?.guestClosed(code, reason);
  }

  socketTaken(length: number): void {
    this.socket?.taken(length);
  }

  private settleStreaming(
    head: { status: number; headers: string[] },
    body: Readable,
    bodyBytes: number | undefined,
  ): void {
    // Whoever reads hears of a failure by the reading; without a listener one that nobody reads would end the engine.
    body.on('error', () => undefined);
    this.settle({ ...head, body, bodyBytes });
  }

  private readerStopped(): void {
    if (this.isOver) return;
    this.cancel('the reader stopped', new Problem('request-cancelled', 'The reader stopped.'));
  }

  chunk(bytes: Buffer): void {
    if (this.response === undefined || this.isPassedOn) return;
    this.outstandingCredit -= bytes.length;
    this.responseBytes += bytes.length;
    if (this.responseBytes > this.guest.limits.bodyBytes) {
      this.cancel(
        'response too large',
        new Problem('response-too-large', responseTooLarge(this.guest.limits.bodyBytes)),
      );
      return;
    }
    this.response.push(bytes);
  }

  end(): void {
    if (this.isPassedOn) return;
    this.response?.push(null);
    this.finish();
  }

  /** A failure reported by the runner: a code and a sentence, neither of them trusted. */
  failed(code: string, detail: string): void {
    const shown = detail.slice(0, 8192);
    // The guest's own end has another code: this one tells of an isolate that went by another's doing.
    if (code === 'runner-lost') this.fail(new BystanderLoss(shown));
    else this.failWith(codeOf(code), shown);
  }

  failWith(code: ProblemCode, detail: string, retryAfterSeconds?: number): void {
    this.fail(new Problem(code, detail, { retryAfterSeconds }));
  }

  fail(problem: Problem): void {
    if (this.isOver) return;
    this.finish();
    this.link.failed(this, problem);
    if (!this.isSettled) {
      this.isSettled = true;
      this.reject(problem);
    }
    this.response?.destroy(problem);
    this.socket?.failed(problem);
  }

  private cancel(reason: string, problem: Problem): void {
    if (this.isOver) return;
    this.link.writer.frame(toRunner.cancel, this.id, 0, reason);
    this.link.flushSoon();
    this.fail(problem);
  }

  private grantResponse(): void {
    const more = windowBytes - this.outstandingCredit;
    if (this.isOver || more < windowBytes / 2) return;
    this.outstandingCredit += more;
    this.link.writer.frame(toRunner.credit, this.id, more);
    this.link.flushSoon();
  }

  private settle(response: GuestResponse): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.resolve(response);
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.timer);
    this.request?.signal.removeEventListener('abort', this.onAbort);
    // What the guest left unread is let go of, or the connection's next request would wait behind it for ever.
    if (this.requestPump !== undefined) this.requestBody?.destroy();
    this.requestPump?.release();
    this.link.finished(this);
  }
}

/** A runner speaks of the guest's faults and of nothing else: not of a token, nor of the engine. */
function codeOf(code: string): ProblemCode {
  return isProblemCode(code) && problemCodes[code].blame === 'guest' ? code : 'proxylet-threw';
}

export function bodyTooSlow(timeoutMs: number): Problem {
  return new Problem('request-timeout', `The request body did not arrive within ${timeoutMs} ms.`);
}

export function bodyTooLarge(limit: number): Problem {
  return new Problem('body-too-large', `The request body is larger than ${limit} bytes.`);
}

function responseTooLarge(limit: number): string {
  return `The response body is larger than ${limit} bytes.`;
}
