import type { Problem } from '@proxylet/contract';
import type { GuestEvent } from '@proxylet/sandbox';
import type { Active } from '../installations/active.js';
import { MessageQueue, type QueueBounds } from './message-queue.js';
import { subjectsFor, topicOf } from './realms.js';
import type { BusMessage, BusSubscription, TopicBus } from './topic-bus.js';

export interface SubscribersOptions {
  readonly bus: Pick<TopicBus, 'subscribe'>;
  readonly deliver: (active: Active, event: GuestEvent) => Promise<Problem | undefined>;
  readonly log: (active: Active, level: 'warn' | 'error', text: string, traceId?: string) => void;
  readonly bounds: QueueBounds;
  /** Deliveries at once on this engine. */
  readonly concurrency: number;
  readonly now?: (() => number) | undefined;
}

interface Subscriber {
  active: Active;
  readonly filters: readonly string[];
  readonly subscription: BusSubscription;
  readonly queue: MessageQueue;
  isBusy: boolean;
  /** Dropped since the log was last told. */
  dropped: number;
  toldMs: number;
}

/** The log of an installation hears of drops this often at most. */
const tellEveryMs = 10_000;

/**
 * Installations that listen. Each gets its messages one after the other, in the order they came; a slow one fills its
 * own queue and holds up nobody else.
 */
export class Subscribers implements Disposable {
  private readonly byInstallation = new Map<string, Subscriber>();
  /** With messages to deliver, in turn. */
  private readonly ready = new Set<Subscriber>();
  private readonly stopping = new AbortController();
  private readonly now: () => number;
  private delivering = 0;
  readonly counts = { delivered: 0, failed: 0, dropped: 0 };

  constructor(private readonly options: SubscribersOptions) {
    this.now = options.now ?? Date.now;
  }

  /** @param next installed or changed; @param gone removed for good */
  change(next: readonly Active[], gone: readonly Active[]): void {
    for (const { record } of gone) this.remove(record.id);
    for (const active of next) this.adopt(active);
  }

  [Symbol.dispose](): void {
    this.stopping.abort();
    for (const id of this.byInstallation.keys()) this.remove(id);
  }

  private adopt(active: Active): void {
    const { id, owner, granted } = active.record;
    const filters = granted.topics.subscribe;
    const known = this.byInstallation.get(id);
    if (known !== undefined && isSame(known.filters, filters)) {
      known.active = active;
      return;
    }
    this.remove(id);
    if (filters.length === 0) return;
    const subscriber: Subscriber = {
      active,
      filters,
      subscription: this.options.bus.subscribe(subjectsFor(owner.key, filters), (message) =>
        this.receive(subscriber, message),
      ),
      queue: new MessageQueue(this.options.bounds),
      isBusy: false,
      dropped: 0,
      toldMs: 0,
    };
    this.byInstallation.set(id, subscriber);
  }

  private remove(installationId: string): void {
    const subscriber = this.byInstallation.get(installationId);
    if (subscriber === undefined) return;
    subscriber.subscription.close();
    this.byInstallation.delete(installationId);
    this.ready.delete(subscriber);
  }

  private receive(subscriber: Subscriber, message: BusMessage): void {
    const dropped = subscriber.queue.add(message);
    if (dropped > 0) this.tellDropped(subscriber, dropped);
    if (!subscriber.isBusy) this.ready.add(subscriber);
    this.pump();
  }

  private tellDropped(subscriber: Subscriber, count: number): void {
    this.counts.dropped += count;
    subscriber.dropped += count;
    const nowMs = this.now();
    if (nowMs - subscriber.toldMs < tellEveryMs) return;
    const { active, dropped } = subscriber;
    this.options.log(active, 'warn', `Messages come faster than they are handled: ${dropped} were dropped.`);
    subscriber.dropped = 0;
    subscriber.toldMs = nowMs;
  }

  private pump(): void {
    for (const subscriber of this.ready) {
      if (this.delivering >= this.options.concurrency) return;
      this.ready.delete(subscriber);
      const message = subscriber.queue.take();
      if (message !== undefined) void this.deliver(subscriber, message);
    }
  }

  private async deliver(subscriber: Subscriber, message: BusMessage): Promise<void> {
    subscriber.isBusy = true;
    this.delivering += 1;
    const { signal } = this.stopping;
    const { active } = subscriber;
    const problem = await this.options.deliver(active, { ...eventOf(message), signal });
    this.delivering -= 1;
    subscriber.isBusy = false;
    this.counts[problem === undefined ? 'delivered' : 'failed'] += 1;
    if (problem !== undefined && !signal.aborted) {
      const text = `The message ${message.id} of ${topicOf(message.subject)} ended with ${problem.code}: ${problem.detail}`;
      this.options.log(active, 'error', text, message.traceId);
    }
    const isKnown = this.byInstallation.get(active.record.id) === subscriber;
    if (isKnown && !subscriber.queue.isEmpty) this.ready.add(subscriber);
    this.pump();
  }
}

function eventOf(message: BusMessage): Omit<Extract<GuestEvent, { kind: 'message' }>, 'signal'> {
  const { id, subject, publishedMs, publisher, contentType, bytes, traceId, depth, chain } = message;
  const head = { id, topic: topicOf(subject), publishedMs, publisher, contentType };
  return { kind: 'message', ...head, bytes, traceId, depth, chain };
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
