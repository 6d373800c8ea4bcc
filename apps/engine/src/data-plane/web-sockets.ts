import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Problem } from '@proxylet/contract';
import { type GuestSocket, type SocketClient, socketCaps } from '@proxylet/sandbox';
import { type WebSocket, WebSocketServer } from 'ws';

export interface WebSocketLimits {
  /** A connection that carries no message for this long is closed, ms. */
  readonly idleMs: number;
  /** Open connections of one installation. */
  readonly perInstallation: number;
}

/** The connection of an upgrade, as Node gives it. */
export interface Upgrade {
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface Opening extends Upgrade {
  readonly request: IncomingMessage;
  /** Answered as `Sec-WebSocket-Protocol`: one of those the client named. */
  readonly protocol: string | undefined;
  readonly guest: GuestSocket;
  /** When the caller's token expires, ms since 1970: nobody outstays it. */
  readonly untilMs: number;
  readonly onClose: () => void;
}

/** How long the client has to answer a close. */
const closeTimeoutMs = 5000;
/** A timer cannot wait for longer; by then the connection had better be made anew in any case. */
const longestTimerMs = 2 ** 31 - 1;
/** How often a client is asked whether it is still there; one that was silent ever since is gone. */
const pingMs = 30_000;

/** RFC 6455 §7.4.1 and IANA's registry of close codes. */
const code = {
  goingAway: 1001,
  none: 1005,
  broken: 1006,
  guestFailed: 1011,
  restart: 1012,
  unauthorized: 3000,
} as const;

/** WebSockets of calls, from the handshake to the last byte. */
export class WebSockets implements Disposable {
  private readonly protocols = new WeakMap<IncomingMessage, string | undefined>();
  private readonly counts = new Map<string, number>();
  private readonly alive = new WeakSet<WebSocket>();
  private readonly server: WebSocketServer;
  private readonly pinging: NodeJS.Timeout;

  constructor(private readonly limits: WebSocketLimits) {
    this.server = new WebSocketServer({
      noServer: true,
      // Contexts of a compressor for each client cost more memory than they save bytes.
      perMessageDeflate: false,
      maxPayload: socketCaps.messageBytes,
      closeTimeout: closeTimeoutMs,
      handleProtocols: (_, request) => this.protocols.get(request) ?? false,
    } as ConstructorParameters<typeof WebSocketServer>[0]);
    this.pinging = setInterval(() => this.ping(), pingMs);
    this.pinging.unref();
  }

  /**
   * A place among the WebSockets of an installation.
   *
   * @returns what gives it back; twice does no harm
   * @throws Problem `too-many-requests`
   */
  enter(installationId: string): () => void {
    const open = this.counts.get(installationId) ?? 0;
    if (open >= this.limits.perInstallation) {
      throw new Problem('too-many-requests', `It has ${open} WebSockets open, which is as many as it may.`, {
        retryAfterSeconds: 5,
      });
    }
    this.counts.set(installationId, open + 1);
    let isGiven = false;
    return () => {
      if (!isGiven) this.forget(installationId);
      isGiven = true;
    };
  }

  /** Answers the handshake; from here on the connection is the guest's. */
  open(opening: Opening): void {
    const { request, socket, head, protocol, guest } = opening;
    this.protocols.set(request, protocol);
    let isOpen = false;
    this.server.handleUpgrade(request, socket, head, (client) => {
      isOpen = true;
      this.join(client, opening);
    });
    if (isOpen) return;
    // The client had gone in the meantime.
    guest.closed(code.broken, '');
    opening.onClose();
  }

  [Symbol.dispose](): void {
    clearInterval(this.pinging);
    for (const client of this.server.clients) end(client, code.goingAway, 'the engine stops');
    this.server.close();
  }

  private join(client: WebSocket, { guest, untilMs, onClose }: Opening): void {
    this.alive.add(client);
    const idle = setTimeout(() => end(client, code.goingAway, 'idle'), this.limits.idleMs);
    const expiry = setTimeout(
      () => end(client, code.unauthorized, 'the token has expired'),
      Math.min(untilMs - Date.now(), longestTimerMs),
    );
    client.on('message', (data, isBinary) => {
      idle.refresh();
      const bytes = data as Buffer;
      if (!guest.receive(isBinary ? bytes : bytes.toString('utf8'))) client.pause();
    });
    client.on('pong', () => this.alive.add(client));
    // A fault of the protocol closes with its own code, by the library.
    client.on('error', () => undefined);
    client.on('close', (status, reason) => {
      clearTimeout(idle);
      clearTimeout(expiry);
      guest.closed(status, reason.toString('utf8'));
      onClose();
    });
    guest.attach(clientOf(client, idle));
  }

  private forget(installationId: string): void {
    const left = (this.counts.get(installationId) ?? 1) - 1;
    if (left > 0) this.counts.set(installationId, left);
    else this.counts.delete(installationId);
  }

  private ping(): void {
    for (const client of this.server.clients) {
      // One that was told to wait does not read pongs either.
      if (!this.alive.has(client) && !client.isPaused) client.terminate();
      this.alive.delete(client);
      client.ping();
    }
  }
}

function clientOf(client: WebSocket, idle: NodeJS.Timeout): SocketClient {
  return {
    send: (data, written) => {
      client.send(data, () => {
        idle.refresh();
        written();
      });
    },
    close: (status, reason) => {
      if (status === code.none) client.close();
      else client.close(status, reason);
    },
    resume: () => client.resume(),
    failed: (problem) =>
      end(client, problem.code === 'runner-lost' ? code.restart : code.guestFailed, problem.code),
  };
}

/** One that does not answer the close is cut off by the library; one that was paused reads on, or it could not. */
function end(client: WebSocket, status: number, reason: string): void {
  if (client.isPaused) client.resume();
  client.close(status, reason);
}
