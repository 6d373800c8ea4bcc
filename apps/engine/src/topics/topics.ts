import { randomUUID } from 'node:crypto';
import { isTopic, matchesTopic, Problem, quote } from '@proxylet/contract';
import { GuestVisibleError, type OnBehalf, type PublishedMessage } from '@proxylet/sandbox';
import { maxDepth, tooDeep } from '../dependency-calls.js';
import type { Installation } from '../installations/installation.js';
import { realmOf, subjectsFor } from './realms.js';
import type { BusMessage, BusSubscription, TopicBus } from './topic-bus.js';

/** Publishing and listening, for installations and for programs outside. */
export class Topics {
  /** Messages taken from publishers. */
  published = 0;

  constructor(
    private readonly bus: TopicBus,
    private readonly maxBytes: number,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * What a guest publishes; the message is hostile input.
   *
   * @throws GuestVisibleError where the topic is not one it was granted, the message too large, or too deep in a chain
   */
  async publishFrom(
    { name, owner, granted }: Installation,
    { topic, contentType, bytes }: PublishedMessage,
    { traceId, depth, chain: before }: OnBehalf,
  ): Promise<void> {
    if (!isTopic(topic))
      throw new GuestVisibleError('TypeError', `${quote(topic)} is no topic such as meters.a1.`);
    if (!granted.topics.publish.some((filter) => matchesTopic(filter, topic))) {
      throw new GuestVisibleError(
        'TypeError',
        `Publishing to ${topic} is not granted; the manifest needs it in "topics": {"publish": […]}.`,
      );
    }
    if (bytes.byteLength > this.maxBytes) {
      throw new GuestVisibleError('QuotaExceededError', `A message has at most ${this.maxBytes} bytes here.`);
    }
    const chain = [...before, name];
    if (depth >= maxDepth) throw tooDeep(chain);
    await this.send(owner.key, topic, {
      publisher: name,
      contentType,
      bytes,
      traceId,
      depth: depth + 1,
      chain,
    });
  }

  /**
   * What a program publishes on behalf of an owner.
   *
   * @throws Problem `invalid-request`, `body-too-large`
   */
  async publish(
    ownerKey: string,
    topic: string,
    message: { readonly contentType: string; readonly bytes: Uint8Array; readonly traceId: string },
  ): Promise<string> {
    if (!isTopic(topic))
      throw new Problem('invalid-request', `${quote(topic)} is no topic such as meters.a1.`);
    if (message.bytes.byteLength > this.maxBytes) {
      throw new Problem('body-too-large', `A message has at most ${this.maxBytes} bytes here.`);
    }
    return this.send(ownerKey, topic, { ...message, publisher: undefined, depth: 0, chain: [] });
  }

  /** Everything an installation of the owner with this filter would hear. */
  listen(ownerKey: string, filter: string, onMessage: (message: BusMessage) => void): BusSubscription {
    return this.bus.subscribe(subjectsFor(ownerKey, [filter]), onMessage);
  }

  private async send(
    ownerKey: string,
    topic: string,
    message: Omit<BusMessage, 'subject' | 'id' | 'publishedMs'>,
  ): Promise<string> {
    const id = randomUUID();
    await this.bus.publish({
      ...message,
      subject: `${realmOf(ownerKey)}.${topic}`,
      id,
      publishedMs: this.now(),
    });
    this.published += 1;
    return id;
  }
}
