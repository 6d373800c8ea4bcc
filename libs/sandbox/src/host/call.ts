import { Readable } from 'node:stream';
import { isProblemCode, Problem, type ProblemCode } from '@proxylet/contract';
import { BystanderLoss } from './bystander-loss.js';
import { type FrameWriter, toRunner } from '../wire/frames.js';
import { decodeResponseHead } from '../wire/messages.js';
import type { Guest, GuestRequest, GuestResponse, OnBehalf } from '../types.js';

/** What a call needs of the link it runs over. */
export interface CallLink {
  readonly writer: FrameWriter;
  flushSoon(): void;
  finished(call: HostCall): void;
}

const windowBytes = 256 * 1024;

/** One call as the engine sees it: settles once, then carries a streaming response to its end. */
export class HostCall {
  private readonly timer: NodeJS.Timeout;
  private isSettled = false;
  private isOver = false;
  private response: Readable | undefined;
  private responseBytes = 0;
  private outstandingCredit = 0;
  private requestCredit = 0;
  private onRequestCredit: (() => void) | undefined;
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
    this.timer = setTimeout(() => {
      this.cancel('out of time', new Problem('time-limit', `It did not finish within its ${timeoutMs} ms.`));
    }, timeoutMs);
    request?.signal.addEventListener('abort', this.onAbort, { once: true });
  }

  get traceId(): string | undefined {
    return this.request?.traceId;
  }

  get onBehalf(): OnBehalf | undefined {
    if (this.request === undefined) return undefined;
    const { user, traceId, depth = 0 } = this.request;
    return { user, traceId, depth };
  }

  /** Sends a request body that did not come whole, as far as the guest grants. */
  async pumpBody(body: Readable): Promise<void> {
    const { writer } = this.link;
    let sentBytes = 0;
    try {
      // The body belongs to the caller, who may still answer on the same connection: never destroyed here.
      for await (const chunk of body.iterator({ destroyOnReturn: false })) {
        const bytes = chunk as Buffer;
        sentBytes += bytes.length;
        if (sentBytes > this.guest.limits.bodyBytes) {
          this.cancel('body too large', bodyTooLarge(this.guest.limits.bodyBytes));
          return;
        }
        while (this.requestCredit <= 0 && !this.isOver) {
          await new Promise<void>((resume) => {
            this.onRequestCredit = resume;
          });
        }
        if (this.isOver) return;
        this.requestCredit -= bytes.length;
        writer.frame(toRunner.body, this.id, 0, '', bytes);
        this.link.flushSoon();
      }
      if (!this.isOver) writer.frame(toRunner.bodyEnd, this.id);
    } catch {
      if (!this.isOver) writer.frame(toRunner.bodyAbort, this.id, 0, 'the request body broke off');
    } finally {
      // What the guest left unread is let go of, or the connection's next request would wait behind it for ever.
      body.resume();
    }
    this.link.flushSoon();
  }

  grantRequest(bytes: number): void {
    this.requestCredit += bytes;
    this.onRequestCredit?.();
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
        this.cancel('the reader stopped', new Problem('request-cancelled', 'The reader stopped.'));
        done(error);
      },
    });
    // Whoever reads hears of a failure by the reading; without a listener one that nobody reads would end the engine.
    this.response.on('error', () => undefined);
    this.settle({ ...head, body: this.response });
  }

  chunk(bytes: Buffer): void {
    if (this.response === undefined) return;
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
    this.response?.push(null);
    this.finish();
  }

  /** A failure reported by the runner: a code and a sentence, neither of them trusted. */
  failed(code: string, detail: string): void {
    const shown = detail.slice(0, 8192);
    // The guest's own end has another code: this one tells of an isolate that went by another's doing.
    if (code === 'runner-lost') this.fail(new BystanderLoss(shown));
    else this.failWith(isProblemCode(code) ? code : 'internal', shown);
  }

  failWith(code: ProblemCode, detail: string, retryAfterSeconds?: number): void {
    this.fail(new Problem(code, detail, { retryAfterSeconds }));
  }

  fail(problem: Problem): void {
    if (this.isOver) return;
    this.finish();
    if (!this.isSettled) {
      this.isSettled = true;
      this.reject(problem);
    }
    this.response?.destroy(problem);
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
    this.onRequestCredit?.();
    this.link.finished(this);
  }
}

export function bodyTooLarge(limit: number): Problem {
  return new Problem('body-too-large', `The request body is larger than ${limit} bytes.`);
}

function responseTooLarge(limit: number): string {
  return `The response body is larger than ${limit} bytes.`;
}
