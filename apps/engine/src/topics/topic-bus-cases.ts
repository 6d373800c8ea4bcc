import { describe, expect, it } from 'vitest';
import type { BusMessage, TopicBus } from './topic-bus.js';

let made = 0;

function message(subject: string, more: Partial<BusMessage> = {}): BusMessage {
  made += 1;
  return {
    subject,
    id: `m${made}`,
    publishedMs: made,
    publisher: 'acme/meters',
    contentType: 'text/plain',
    depth: 0,
    chain: [],
    traceId: 'a'.repeat(32),
    bytes: Buffer.from(String(made)),
    ...more,
  };
}

async function subscribed(bus: TopicBus, ...filters: string[]) {
  const got: BusMessage[] = [];
  const subscription = bus.subscribe(filters, (one) => got.push(one));
  await subscription.ready;
  const topics = (): string[] => got.map(({ subject }) => subject);
  return { got, topics, subscription };
}

/** What every bus must do; each implementation runs these cases. */
export function describeTopicBus(name: string, open: () => Promise<TopicBus>): void {
  describe(`the topic bus ${name}`, () => {
    it('brings a message to those whose filter it meets, and to nobody else', async () => {
      await using bus = await open();
      const exact = await subscribed(bus, 'r.meters.a');
      const star = await subscribed(bus, 'r.*.a');
      const tail = await subscribed(bus, 'r.meters.>');
      const all = await subscribed(bus, '>');
      const other = await subscribed(bus, 's.meters.a', 'r.meters', 'r.meters.a.b');
      await bus.publish(message('r.meters.a'));
      await bus.publish(message('r.meters.a.c'));
      await expect.poll(all.topics).toEqual(['r.meters.a', 'r.meters.a.c']);
      expect(exact.topics()).toEqual(['r.meters.a']);
      expect(star.topics()).toEqual(['r.meters.a']);
      expect(tail.topics()).toEqual(['r.meters.a', 'r.meters.a.c']);
      expect(other.topics()).toEqual([]);
    });

    it('brings it once, however many filters of a subscription it meets', async () => {
      await using bus = await open();
      const { topics } = await subscribed(bus, 'r.a', 'r.*', 'r.>', '*.a');
      await bus.publish(message('r.a'));
      await bus.publish(message('r.b'));
      await expect.poll(topics).toEqual(['r.a', 'r.b']);
    });

    it('keeps every part of a message', async () => {
      await using bus = await open();
      const { got } = await subscribed(bus, 'r.>');
      const sent = message('r.a', {
        bytes: Uint8Array.from({ length: 256 }, (_, n) => n),
        depth: 3,
        chain: ['acme/a', 'acme/b'],
        contentType: 'application/json; charset="ü"',
        publisher: undefined,
      });
      await bus.publish(sent);
      await bus.publish(message('r.empty', { bytes: new Uint8Array() }));
      await expect.poll(() => got).toHaveLength(2);
      expect({ ...got[0], bytes: [...(got[0]?.bytes ?? [])] }).toEqual({ ...sent, bytes: [...sent.bytes] });
      expect(got[1]?.bytes).toHaveLength(0);
    });

    it('keeps the order of a publisher', async () => {
      await using bus = await open();
      const { topics } = await subscribed(bus, 'r.>');
      const sent = Array.from({ length: 200 }, (_, n) => `r.n${n}`);
      await Promise.all(sent.map((subject) => bus.publish(message(subject))));
      await expect.poll(topics).toEqual(sent);
    });

    it('lets no subscriber that fails keep a message from another or from its publisher', async () => {
      await using bus = await open();
      await bus.subscribe(['r.>'], () => {
        throw new Error('broken');
      }).ready;
      const { topics } = await subscribed(bus, 'r.>');
      await bus.publish(message('r.a'));
      await expect.poll(topics).toEqual(['r.a']);
    });

    it('brings nothing after a subscription is closed, nor what was published before it', async () => {
      await using bus = await open();
      await bus.publish(message('r.early'));
      const first = await subscribed(bus, 'r.>');
      const second = await subscribed(bus, 'r.>');
      first.subscription.close();
      first.subscription.close();
      await bus.publish(message('r.a'));
      await expect.poll(second.topics).toEqual(['r.a']);
      expect(first.topics()).toEqual([]);
    });
  });
}
