/** A message on its way. `subject` is the topic behind the word of a realm, see `realms.ts`. */
export interface BusMessage {
  readonly subject: string;
  /** Random; tells a message that comes twice. */
  readonly id: string;
  /** ms since 1970. */
  readonly publishedMs: number;
  /** Proxylet that sent it; undefined for a program outside. */
  readonly publisher: string | undefined;
  readonly contentType: string;
  /** How many calls and messages led to it, and through which proxylets: circles end by these. */
  readonly depth: number;
  readonly chain: readonly string[];
  /** W3C trace id of what it was sent from. */
  readonly traceId: string;
  readonly bytes: Uint8Array;
}

export interface BusSubscription {
  /** Settles when what is published from now on arrives. */
  readonly ready: Promise<void>;
  close(): void;
}

/**
 * What carries messages between installations: within the process by default, a broker between engines. The syntax of
 * subjects and filters is that of NATS. `topic-bus-cases.ts` tests every implementation with the same cases.
 *
 * - A message reaches each subscription that meets it once at most, however many of its filters it meets.
 * - Messages of one publisher arrive in the order they were published.
 * - A publisher never waits for a subscriber. Subscribers bound what waits for them themselves.
 */
export interface TopicBus extends AsyncDisposable {
  /** Resolves when the bus has taken the message. */
  publish(message: BusMessage): Promise<void>;
  /** @param onMessage must return at once; what it throws concerns nobody else */
  subscribe(filters: readonly string[], onMessage: (message: BusMessage) => void): BusSubscription;
}
