import type { Guest, GuestEvent, GuestRequest } from '../types.js';

/**
 * An event in the form of a call, as the wire and every limit know it. `@` begins no method of HTTP, so no request
 * can pass for an event.
 */
export function eventRequest(guest: Guest, event: GuestEvent): GuestRequest {
  const { signal, traceId, depth, chain } = event;
  return {
    method: `@${event.kind}`,
    url: '',
    headers: ['event', JSON.stringify(headOf(event))],
    body: event.kind === 'message' ? event.bytes : undefined,
    user: guest.owner,
    signal,
    traceId,
    depth,
    chain,
  };
}

function headOf(event: GuestEvent): object {
  if (event.kind === 'scheduled') return { cron: event.cron, scheduledMs: event.scheduledMs };
  const { id, topic, publishedMs, publisher, contentType } = event;
  return { id, topic, publishedMs, publisher, contentType };
}
