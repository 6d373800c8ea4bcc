import type { Problem } from '@proxylet/contract';
import { type GuestSocket, type SocketClient, socketCaps } from '../types.js';

/** What a socket needs of its call. */
export interface SocketWire {
  message(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
  credit(bytes: number): void;
  /** The connection is over for the client. */
  over(): void;
  /** The guest sent more than it may. */
  refuse(): void;
}

/** A WebSocket between a client and a guest: counts what is on its way in both directions. */
export class HostSocket implements GuestSocket {
  private client: SocketClient | undefined;
  private early: ((client: SocketClient) => void)[] = [];
  private inFlight = 0;
  private outFlight = 0;
  private isOver = false;

  constructor(private readonly wire: SocketWire) {}

  attach(client: SocketClient): void {
    this.client = client;
    for (const act of this.early.splice(0)) act(client);
  }

  receive(data: string | Uint8Array): boolean {
    if (this.isOver) return true;
    this.inFlight += data.length;
    this.wire.message(data);
    return this.inFlight < socketCaps.queueBytes;
  }

  closed(code: number, reason: string): void {
    if (this.isOver) return;
    this.isOver = true;
    this.wire.close(code, reason);
    this.wire.over();
  }

  /** A message of the guest. The prelude keeps within the caps; whoever does not is no prelude of ours. */
  sent(data: string | Uint8Array): void {
    if (this.isOver) return;
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.length;
    if (
      bytes > socketCaps.messageBytes ||
      (this.outFlight > 0 && this.outFlight + bytes > 2 * socketCaps.queueBytes)
    ) {
      this.wire.refuse();
      return;
    }
    this.outFlight += bytes;
    this.tell((client) => {
      client.send(data, () => {
        this.outFlight -= bytes;
        if (!this.isOver) this.wire.credit(bytes);
      });
    });
  }

  guestClosed(code: number, reason: string): void {
    if (!this.isOver) this.tell((client) => client.close(code, reason));
  }

  /** The guest has taken what came in. */
  taken(length: number): void {
    const wasFull = this.inFlight >= socketCaps.queueBytes;
    this.inFlight = Math.max(0, this.inFlight - length);
    if (wasFull && this.inFlight < socketCaps.queueBytes) this.client?.resume();
  }

  failed(problem: Problem): void {
    if (this.isOver) return;
    this.isOver = true;
    this.tell((client) => client.failed(problem));
  }

  private tell(act: (client: SocketClient) => void): void {
    if (this.client === undefined) this.early.push(act);
    else act(this.client);
  }
}
