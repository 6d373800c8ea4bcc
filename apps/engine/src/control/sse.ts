import type { ServerResponse } from 'node:http';

/** A stream of server-sent events to one reader. */
export interface EventStream {
  /** False once the reader is gone or too slow: whoever sends should stop. */
  send(event: string, data: unknown, id?: string): boolean;
  /** Called once when the stream is over, whoever ended it. */
  onClose(listener: () => void): void;
  end(): void;
}

/** A reader this far behind is cut off; it comes back with `Last-Event-ID`. */
const maxBufferedBytes = 1024 * 1024;
const heartbeatMs = 15_000;

/** Begins the answer; headers set on the response before stay. */
export function openEventStream(response: ServerResponse): EventStream {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(': open\n\n');
  const heartbeat = setInterval(() => response.write(':\n\n'), heartbeatMs);
  heartbeat.unref();
  const listeners: (() => void)[] = [];
  response.once('close', () => {
    clearInterval(heartbeat);
    for (const listener of listeners) listener();
  });
  response.on('error', () => undefined);
  return {
    send: (event, data, id) => {
      if (response.writableEnded || response.destroyed) return false;
      if (response.writableLength > maxBufferedBytes) {
        response.destroy();
        return false;
      }
      // JSON has no line ends of its own: one data line is the whole event.
      const named = id === undefined ? '' : `id: ${id}\n`;
      response.write(`${named}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      return true;
    },
    onClose: (listener) => void listeners.push(listener),
    end: () => void response.end(),
  };
}

export function wantsEvents(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes('text/event-stream') === true;
}
