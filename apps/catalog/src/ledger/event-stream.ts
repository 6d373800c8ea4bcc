import type { ServerResponse } from 'node:http';
import { once } from 'node:events';

const heartbeatMs = 15_000;
/** A reader that takes nothing for so long is cut off; it comes back with `Last-Event-ID`. */
const stallMs = 30_000;

/** Server-sent events to one reader; whoever sends waits until the reader has taken them. */
export class EventStream {
  private readonly gone = new AbortController();
  private readonly heartbeat: NodeJS.Timeout;
  private isStuck = false;

  /** Begins the answer. */
  constructor(private readonly response: ServerResponse) {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.write(': open\n\n');
    this.heartbeat = setInterval(() => this.beat(), heartbeatMs);
    this.heartbeat.unref();
    response.on('error', () => undefined);
    response.once('close', () => this.end());
  }

  /** Aborted when the reader is gone or the stream was ended. */
  get closed(): AbortSignal {
    return this.gone.signal;
  }

  /** Resolves when there is room for more. JSON has no line ends of its own: one data line is the whole event. */
  async send(event: string, data: unknown, id: string): Promise<void> {
    if (this.closed.aborted) return;
    if (this.response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) return;
    const signal = AbortSignal.any([this.closed, AbortSignal.timeout(stallMs)]);
    await once(this.response, 'drain', { signal }).catch(() => this.response.destroy());
  }

  /** A reader whose line went dead takes nothing from one beat to the next: it is let go then. A slow one is not. */
  private beat(): void {
    if (!this.response.writableNeedDrain) {
      this.response.write(':\n\n');
      return;
    }
    if (this.isStuck) this.response.destroy();
    this.isStuck = true;
    this.response.once('drain', () => {
      this.isStuck = false;
    });
  }

  /** Safe to call twice. */
  end(): void {
    clearInterval(this.heartbeat);
    this.gone.abort();
    this.response.end();
  }
}
