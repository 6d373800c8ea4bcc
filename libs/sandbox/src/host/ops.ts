import { type FrameWriter, toRunner } from '../wire/frames.js';
import { splitHead } from '../wire/messages.js';
import type { TakenBody } from './call.js';
import { cachedResponse, cacheNotGranted, cacheText, parseCache } from './cache-ops.js';
import { kvOperation, stringOf, type WholeAnswer } from './kv-ops.js';
import { CreditedPump } from './credited-pump.js';
import { Upload } from './upload.js';
import { Subrequests } from './subrequests.js';
import { withTrace } from './trace.js';
import {
  type Guest,
  GuestVisibleError,
  type HostServices,
  type OnBehalf,
  type OutboundRequest,
  type OutboundResponse,
} from '../types.js';

/** What a guest asks for: `kind` and the call it asks for, then the payload. */
export interface AskedOp {
  readonly guest: Guest;
  /** Undefined where nobody's call is known to go on: then nothing is done in anybody's name. */
  readonly onBehalf: OnBehalf | undefined;
  readonly callId: number;
  readonly kind: string;
  readonly payload: string;
  readonly bytes: Buffer;
  /** Where its body comes from: '' with it, `stream` in frames that follow, `request`, or another operation's id. */
  readonly bodyFrom: string;
  /** That of the request. */
  readonly body: TakenBody | undefined;
}

interface OpenOp {
  readonly guest: Guest;
  readonly cancel: AbortController;
  /** Body that goes out. */
  upload: Upload | undefined;
  /** Body that came back, and who sends it on. */
  body: TakenBody | undefined;
  pump: CreditedPump | undefined;
}

const maxOpsPerGuest = 300;

/**
 * Operations that guests of one runner ask for. Everything that comes in is hostile until parsed: the runner may
 * have been taken over by what runs in it.
 */
export class HostOps {
  private readonly open = new Map<number, OpenOp>();
  private readonly openByGuest = new Map<Guest, number>();
  private readonly subrequests = new Subrequests();

  constructor(
    private readonly services: HostServices,
    private readonly writer: FrameWriter,
    private readonly flushSoon: () => void,
  ) {}

  start(id: number, asked: AskedOp): void {
    const { guest } = asked;
    const mine = this.openByGuest.get(guest) ?? 0;
    const refusal = mine >= maxOpsPerGuest ? tooManyAtOnce : this.subrequests.refusal(asked);
    if (refusal !== undefined) {
      this.fail(id, guest, refusal, asked.onBehalf);
      return;
    }
    const op: OpenOp = {
      guest,
      cancel: new AbortController(),
      upload: undefined,
      body: undefined,
      pump: undefined,
    };
    this.open.set(id, op);
    this.openByGuest.set(guest, mine + 1);
    this.run(id, op, asked).catch((error: unknown) => {
      if (this.close(id)) this.fail(id, guest, error, asked.onBehalf);
    });
  }

  cancel(id: number): void {
    const op = this.open.get(id);
    this.close(id);
    op?.cancel.abort();
    op?.body?.body.destroy();
  }

  grant(id: number, bytes: number): void {
    this.open.get(id)?.pump?.grant(bytes);
  }

  /** A part of the body that the guest sends along. */
  upload(id: number, bytes: Buffer): void {
    this.open.get(id)?.upload?.chunk(bytes);
  }

  uploadEnded(id: number): void {
    this.open.get(id)?.upload?.end();
  }

  /** The body that an operation came back with; undefined where there is none left to take. */
  takeBody(id: number, guest: Guest): TakenBody | undefined {
    const op = this.open.get(id);
    if (op === undefined || op.guest !== guest || op.body === undefined) return undefined;
    if (op.pump?.release() !== true) return undefined;
    const { body } = op.body;
    body.once('close', () => {
      if (!this.close(id)) return;
      if (body.readableEnded) this.sendEnd(id);
      else this.fail(id, guest, body.errored);
    });
    return op.body;
  }

  dispose(): void {
    for (const id of this.open.keys()) this.cancel(id);
  }

  /** @returns false where the operation was over already */
  private close(id: number): boolean {
    const op = this.open.get(id);
    if (op === undefined) return false;
    this.open.delete(id);
    op.upload?.stop();
    const left = (this.openByGuest.get(op.guest) ?? 1) - 1;
    if (left > 0) this.openByGuest.set(op.guest, left);
    else this.openByGuest.delete(op.guest);
    return true;
  }

  private async run(id: number, op: OpenOp, asked: AskedOp): Promise<void> {
    const { guest, kind, payload } = asked;
    if (kind === 'fetch') {
      await this.answer(
        id,
        op,
        this.services.fetch(guest, inTrace(this.outbound(id, op, asked, payload), asked), op.cancel.signal),
      );
      return;
    }
    if (kind === 'call') {
      await this.answer(id, op, this.callDependency(id, op, asked));
      return;
    }
    if (kind.startsWith('cache.')) {
      await this.cacheOperation(id, op, asked);
      return;
    }
    const result = await this.bindingOperation(asked);
    if (result === undefined) throw new GuestVisibleError('TypeError', 'no such operation is granted');
    if (this.close(id)) this.sendResult(id, result.text, result.bytes);
  }

  private async cacheOperation(id: number, op: OpenOp, asked: AskedOp): Promise<void> {
    const { guest, kind, payload, bytes } = asked;
    if (guest.bindings.cache !== true) throw cacheNotGranted();
    const operation = parseCache(kind, payload, bytes);
    if (operation === undefined) throw new GuestVisibleError('TypeError', 'there is no such operation');
    const result = await this.services.cache(guest, operation);
    if (result.op === 'response') {
      await this.answer(id, op, Promise.resolve(cachedResponse(result.entry, result.body)));
    } else if (this.close(id)) this.sendResult(id, cacheText(result));
  }

  private async bindingOperation(asked: AskedOp): Promise<WholeAnswer | undefined> {
    const { guest, onBehalf, kind, payload, bytes } = asked;
    if (kind.startsWith('kv.') && guest.bindings.kv) return kvOperation(this.services, guest, asked);
    if (kind === 'topics.publish' && guest.bindings.topics === true) {
      if (onBehalf === undefined) throw callIsOver();
      const { topic, contentType } = JSON.parse(payload) as Record<string, unknown>;
      const message = { topic: stringOf(topic), contentType: stringOf(contentType).slice(0, 200), bytes };
      await this.services.publish(guest, message, onBehalf);
      return { text: '' };
    }
    return undefined;
  }

  /** Payload: the binding, then what `fetch` sends. */
  private async callDependency(id: number, op: OpenOp, asked: AskedOp): Promise<OutboundResponse> {
    const { guest, onBehalf } = asked;
    const [binding, rest] = splitHead(asked.payload);
    const { dependencies } = guest.bindings;
    const name = Object.hasOwn(dependencies, binding) ? dependencies[binding] : undefined;
    if (name === undefined) throw new GuestVisibleError('TypeError', 'no such dependency is declared');
    if (onBehalf === undefined) throw callIsOver();
    return this.services.call(guest, name, this.outbound(id, op, asked, rest), onBehalf, op.cancel.signal);
  }

  private outbound(id: number, op: OpenOp, asked: AskedOp, payload: string): OutboundRequest {
    const { guest, bytes, bodyFrom } = asked;
    const head = parseFetchHead(payload);
    if (bodyFrom === '') return { ...head, body: bytes.length === 0 ? undefined : bytes };
    if (bodyFrom === 'stream') {
      op.upload = new Upload(guest.limits.bodyBytes, (credit) => {
        this.writer.frame(toRunner.opUploadCredit, id, credit);
        this.flushSoon();
      });
      return { ...head, body: op.upload.body };
    }
    const taken = bodyFrom === 'request' ? asked.body : this.takeBody(Number(bodyFrom), guest);
    if (taken === undefined) throw new GuestVisibleError('TypeError', 'the body was read or ended before');
    return { ...head, ...taken };
  }

  private async answer(id: number, op: OpenOp, pending: Promise<OutboundResponse>): Promise<void> {
    const response = await pending;
    if (!this.open.has(id)) {
      if (response.body !== undefined && !(response.body instanceof Uint8Array)) response.body.destroy();
      return;
    }
    const { status, statusText, url, redirected, headers, body, bodyBytes } = response;
    const lines = [
      String(status),
      oneLine(statusText),
      oneLine(url),
      redirected ? '1' : '0',
      ...headers.map(oneLine),
    ];
    const head = lines.join('\n');
    if (body === undefined || body instanceof Uint8Array) {
      this.close(id);
      this.sendResult(id, head, body);
      return;
    }
    op.body = { body, bodyBytes };
    op.pump = new CreditedPump(body, {
      chunk: (bytes) => {
        this.writer.frame(toRunner.opBody, id, 0, '', bytes);
        this.flushSoon();
      },
      end: () => {
        if (this.close(id)) this.sendEnd(id);
      },
      failed: (error) => {
        if (this.close(id)) this.fail(id, op.guest, error);
      },
    });
    this.writer.frame(toRunner.opResult, id, 1, head);
    this.flushSoon();
  }

  private sendEnd(id: number): void {
    this.writer.frame(toRunner.opEnd, id);
    this.flushSoon();
  }

  private sendResult(id: number, text: string, bytes?: Uint8Array): void {
    this.writer.frame(toRunner.opResult, id, 0, text, bytes);
    this.flushSoon();
  }

  /** Only what was made for the guest reaches it: another error may name files, addresses or secrets. */
  private fail(id: number, guest: Guest, error: unknown, onBehalf?: OnBehalf): void {
    const shown =
      error instanceof GuestVisibleError
        ? error
        : new GuestVisibleError('NetworkError', 'the operation failed');
    const { name, message, limit } = shown;
    if (limit !== undefined) {
      this.services.breach(guest, { limit, detail: message, traceId: onBehalf?.traceId });
    }
    const text = `${name}${limit === undefined ? '' : ` ${limit}`}\n${message}`;
    this.writer.frame(toRunner.opError, id, 0, text);
    this.flushSoon();
  }
}

/** To another proxylet each call is a span of its own, made where it is called. */
function inTrace(request: OutboundRequest, { onBehalf }: AskedOp): OutboundRequest {
  if (onBehalf === undefined) return request;
  return { ...request, headers: withTrace(request.headers, onBehalf.traceId, onBehalf.trace) };
}

function callIsOver(): GuestVisibleError {
  return new GuestVisibleError('AbortError', 'the call that asks for this is over');
}

const tooManyAtOnce = new GuestVisibleError(
  'QuotaExceededError',
  'too many operations at once',
  'operations',
);

function parseFetchHead(payload: string): Omit<OutboundRequest, 'body'> {
  const [method = '', redirect = '', url = '', ...rest] = payload.split('\n');
  const headers = rest.length % 2 === 0 ? rest : [];
  return {
    method,
    url,
    headers,
    redirect: redirect === 'error' || redirect === 'manual' ? redirect : 'follow',
  };
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]/g, ' ');
}
