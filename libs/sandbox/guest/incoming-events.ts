import { host } from './host.js';
import { exactBuffer } from './ops.js';
import { defineInterface } from './webidl.js';

/** First argument of `scheduled`. */
export function scheduledEvent(json: string): object {
  const { cron, scheduledMs } = JSON.parse(json) as { cron: string; scheduledMs: number };
  return Object.freeze({ cron, scheduledTime: scheduledMs });
}

interface MessageHead {
  readonly id: string;
  readonly topic: string;
  readonly publishedMs: number;
  readonly publisher?: string;
  readonly contentType: string;
}

/** First argument of `message`. Its payload may be read as often as wanted, in any form. */
export class TopicMessage {
  readonly #head: MessageHead;
  readonly #bytes: Uint8Array;

  constructor(json: string, bytes: Uint8Array) {
    this.#head = JSON.parse(json) as MessageHead;
    this.#bytes = bytes;
  }

  get id(): string {
    return this.#head.id;
  }

  get topic(): string {
    return this.#head.topic;
  }

  /** When it was published, ms since 1970. */
  get timestamp(): number {
    return this.#head.publishedMs;
  }

  /** The proxylet that published it; null for a program outside. */
  get publisher(): string | null {
    return this.#head.publisher ?? null;
  }

  get contentType(): string {
    return this.#head.contentType;
  }

  async text(): Promise<string> {
    return host().decodeUtf8(exactBuffer(this.#bytes));
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes.slice();
  }
}

defineInterface(TopicMessage, 'TopicMessage');
