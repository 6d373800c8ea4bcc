/*! SPDX-License-Identifier: Apache-2.0 */
import type { Context, Env } from '../../shared/handler.js';
import { allowMethods, json, respond } from '../../shared/problem.js';
import { addReading, isPublished, listQuarters, markPublished, quarterMs } from './quarters.js';

interface QuartersEnv extends Env {
  readonly TOPICS: { publish(topic: string, message: unknown): Promise<void> };
}

/** The parts of the events that are used here (docs/handler.md). */
interface Message {
  readonly topic: string;
  readonly timestamp: number;
  json(): Promise<unknown>;
}
interface Scheduled {
  readonly scheduledTime: number;
}

const maxWh = 10_000_000;

const handler = {
  fetch: (request: Request, env: QuartersEnv): Promise<Response> =>
    respond(async () => {
      allowMethods(request, 'GET', 'HEAD');
      const quarters = await listQuarters(env.KV);
      const rows = quarters.map(({ fromMs, wh, messages }) => ({ from: iso(fromMs), wh, messages }));
      return json({ quarters: rows }, { 'cache-control': 'no-store' });
    }),

  async message(event: Message, env: QuartersEnv, ctx: Context): Promise<void> {
    const wh = await wattHoursOf(event);
    if (wh === undefined) ctx.log.warn(`A message of ${event.topic} is no reading such as {"wh":42}.`);
    else await addReading(env.KV, event.timestamp, wh);
  },

  /** Marked after it was sent: a failure in between sends a sum twice, and never leaves one out. */
  async scheduled(event: Scheduled, env: QuartersEnv): Promise<void> {
    for (const { fromMs, wh, messages } of await listQuarters(env.KV)) {
      const toMs = fromMs + quarterMs;
      if (toMs > event.scheduledTime || (await isPublished(env.KV, fromMs))) continue;
      await env.TOPICS.publish('totals.quarter', { from: iso(fromMs), to: iso(toMs), wh, messages });
      await markPublished(env.KV, fromMs);
    }
  },
};

async function wattHoursOf(event: Message): Promise<number | undefined> {
  try {
    const { wh } = (await event.json()) as { wh?: unknown };
    return typeof wh === 'number' && Number.isInteger(wh) && wh >= 0 && wh <= maxWh ? wh : undefined;
  } catch {
    return undefined;
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export default handler;
