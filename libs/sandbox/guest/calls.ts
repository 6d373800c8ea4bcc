import { createSignal, fireSignal, type AbortSignal } from './abort.js';
import type { Activity } from './current.js';
import { DOMException } from './dom-exception.js';
import { guestCaps, host } from './host.js';
import { releaseOps } from './ops.js';
import { cap } from './text.js';
import { releaseTimers } from './timers.js';

/** One call of the handler, from its arrival until the response and every `waitUntil` are done. */
export class Call implements Activity {
  #signal: AbortSignal | undefined;
  /** Promises of `waitUntil`, and the response itself, still open. */
  openWork = 1;
  isAborted = false;
  isOver = false;
  timers: Set<number> | undefined;
  ops: Set<number> | undefined;
  /** Bytes of a streaming response that may be sent now. */
  responseCredit = 0;
  onCredit: (() => void) | undefined;
  /** Where chunks of a streaming request body go. */
  requestBody: BodySink | undefined;
  /** Answers an event, which is over when all of its work is. */
  atLast: (() => void) | undefined;
  /** What comes of a WebSocket that it was answered with. */
  socket: SocketSink | undefined;
  private loggedChars = 0;

  constructor(
    readonly id: number,
    readonly userJson: string,
    readonly traceId: string,
  ) {}

  /** Made on first use: most handlers never look at it. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      this.#signal = createSignal();
      if (this.isAborted) fireSignal(this.#signal, new DOMException('The caller is gone', 'AbortError'));
    }
    return this.#signal;
  }

  abort(reason: string): void {
    this.isAborted = true;
    if (this.#signal !== undefined) fireSignal(this.#signal, new DOMException(reason, 'AbortError'));
    this.requestBody?.abort(reason);
    this.onCredit?.();
    this.release();
  }

  /**
   * One piece of work ended; the last one ends the call.
   *
   * @param tellsHost false where the caller tells the host itself
   * @returns whether it was the last
   */
  finishWork(tellsHost: boolean): boolean {
    this.openWork -= 1;
    if (this.openWork > 0) return false;
    if (this.isOver) return false;
    this.release();
    if (this.atLast !== undefined) this.atLast();
    else if (tellsHost) host().settled(this.id);
    return true;
  }

  private release(): void {
    this.isOver = true;
    calls.delete(this.id);
    releaseTimers(this);
    releaseOps(this);
  }

  log(level: string, text: string): void {
    if (this.loggedChars > guestCaps.logCharsPerCall) return;
    const line = cap(text, guestCaps.logLineChars);
    this.loggedChars += line.length + 1;
    const isFull = this.loggedChars > guestCaps.logCharsPerCall;
    if (isFull) host().breach(this.id, 'log');
    host().log(
      this.id,
      isFull ? 'warn' : level,
      isFull ? 'the log of this call is full: later lines are lost' : line,
    );
  }
}

export interface SocketSink {
  message(data: string | ArrayBuffer): void;
  closed(code: number, reason: string): void;
  written(bytes: number): void;
}

export interface BodySink {
  push(bytes: Uint8Array): void;
  end(): void;
  abort(reason: string): void;
}

export const calls = new Map<number, Call>();
