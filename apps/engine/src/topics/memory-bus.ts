import { matchesTopic } from '@proxylet/contract';
import type { BusMessage, BusSubscription, TopicBus } from './topic-bus.js';

interface Subscriber {
  readonly filters: readonly string[];
  readonly onMessage: (message: BusMessage) => void;
}

/** The bus of one engine by itself. A message is handed over within `publish`, and kept nowhere. */
export class MemoryBus implements TopicBus {
  /** By the first word of a filter, which is a realm: a message is compared with the filters of its realm alone. */
  private readonly byWord = new Map<string, Set<Subscriber>>();

  publish(message: BusMessage): Promise<void> {
    const { subject } = message;
    const candidates = new Set([
      ...(this.byWord.get(firstWord(subject)) ?? []),
      ...(this.byWord.get('*') ?? []),
      ...(this.byWord.get('>') ?? []),
    ]);
    for (const { filters, onMessage } of candidates) {
      if (!filters.some((filter) => matchesTopic(filter, subject))) continue;
      try {
        onMessage(message);
      } catch {
        // One subscriber's failure is no other's, nor the publisher's.
      }
    }
    return Promise.resolve();
  }

  subscribe(filters: readonly string[], onMessage: (message: BusMessage) => void): BusSubscription {
    const subscriber = { filters, onMessage };
    const words = new Set(filters.map(firstWord));
    for (const word of words) {
      const known = this.byWord.get(word);
      if (known === undefined) this.byWord.set(word, new Set([subscriber]));
      else known.add(subscriber);
    }
    return { ready: Promise.resolve(), close: () => this.remove(subscriber, words) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.byWord.clear();
  }

  private remove(subscriber: Subscriber, words: ReadonlySet<string>): void {
    for (const word of words) {
      const known = this.byWord.get(word);
      known?.delete(subscriber);
      if (known?.size === 0) this.byWord.delete(word);
    }
  }
}

function firstWord(subject: string): string {
  const at = subject.indexOf('.');
  return at < 0 ? subject : subject.slice(0, at);
}
