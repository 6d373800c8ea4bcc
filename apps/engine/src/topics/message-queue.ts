import type { BusMessage } from './topic-bus.js';

export interface QueueBounds {
  readonly messages: number;
  readonly bytes: number;
}

/** Messages that wait for one subscriber. Where there is no room the oldest go: the latest is worth the most. */
export class MessageQueue {
  private messages: BusMessage[] = [];
  private bytes = 0;

  constructor(private readonly bounds: QueueBounds) {}

  /** @returns how many were dropped to make room */
  add(message: BusMessage): number {
    this.messages.push(message);
    this.bytes += message.bytes.byteLength;
    let dropped = 0;
    while (this.messages.length > this.bounds.messages || this.bytes > this.bounds.bytes) {
      if (this.take() === undefined) break;
      dropped += 1;
    }
    return dropped;
  }

  take(): BusMessage | undefined {
    const first = this.messages.shift();
    if (first !== undefined) this.bytes -= first.bytes.byteLength;
    return first;
  }

  get isEmpty(): boolean {
    return this.messages.length === 0;
  }
}
