import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  bearerText,
  inTenant,
  insufficientScope,
  type Principal,
  type TokenCache,
  type TokenVerifier,
} from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { type FloodLimits, tenantHeaderOf } from '@proxylet/nest';
import {
  type GuestRequest,
  type GuestResponse,
  newTrace,
  newTraceId,
  type Sandbox,
  type TraceContext,
} from '@proxylet/sandbox';
import type { Active } from '../installations/active.js';
import type { InstallationRegistry } from '../installations/registry.js';
import type { Outcome } from './call-metrics.js';
import { userOf } from './caller.js';
import { chosenProtocol, type Handshake, handshakeHeaders, isHandshake, readHandshake } from './handshake.js';
import { type RequestBody, requestBody } from './request-body.js';
import { guestHeaders } from './request-headers.js';
import { answerHeaders } from './response-headers.js';
import type { RunCors } from './run-cors.js';
import { sendStream } from './send-stream.js';
import { isRunPath, parseRunPath, type RunPath } from './run-path.js';
import { addTraceHeaders, continuedTrace } from './trace-context.js';
import type { Upgrade, WebSockets } from './web-sockets.js';

export interface DataPlaneOptions {
  readonly registry: InstallationRegistry;
  readonly sandbox: Pick<Sandbox, 'invoke'>;
  readonly cache: TokenCache;
  readonly verifier: Pick<TokenVerifier, 'verify'>;
  readonly limits: Pick<FloodLimits, 'assertMayTry' | 'takeCall' | 'takeRequest'>;
  readonly cors: RunCors;
  /** Origins of pages that may open WebSockets. */
  readonly origins: ReadonlySet<string>;
  readonly sockets: Pick<WebSockets, 'enter' | 'open'>;
  /** Answers a foreign `Host` and preflights by itself; false where it has. Asked only where one may be due. */
  readonly gate: (request: IncomingMessage, response: ServerResponse) => boolean;
  readonly isKnownHost: (request: IncomingMessage) => boolean;
  /** Origin under which proxylets see themselves; read at each call, since the port may be known late. */
  readonly publicOrigin: () => PublicOrigin;
  readonly maxBodyBytes: number;
  /** Told of a body that was refused before anything ran. */
  readonly onBodyRefused: (active: Active, problem: Problem, traceId: string) => void;
  readonly traceIdOf: (request: IncomingMessage) => string;
  readonly toProblem: (error: unknown) => Problem;
  /** Sends the problem with its challenge and tells the log. */
  readonly refuse: (call: Refused) => void;
}

export interface PublicOrigin {
  readonly origin: string;
  readonly host: string;
}

export interface Refused {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly problem: Problem;
  readonly traceId: string;
  /** CORS headers of the answer. */
  readonly headers: readonly string[];
  readonly proxylet: string | undefined;
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: RunPath;
  readonly traceId: string;
  readonly trace: TraceContext;
  readonly cors: readonly string[];
  /** Of a WebSocket handshake; what it says is known once it was read. */
  readonly upgrade: Upgrade | undefined;
  handshake: Handshake | undefined;
  /** Gives back its place among the installation's WebSockets. */
  leave: (() => void) | undefined;
}

/**
 * Calls of proxylets, `/run/{ns}/{name}/{path}`, from socket to sandbox and back. No framework and no database is
 * in the way; with a token seen before, everything up to the sandbox happens in one synchronous step.
 */
export class DataPlane {
  constructor(private readonly options: DataPlaneOptions) {}

  /** Takes the request where it is a call; false leaves it to the control plane. */
  readonly handle = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (!isRunPath(request.url ?? '')) return false;
    this.take(request, response, undefined);
    return true;
  };

  /** Whether the request opens a WebSocket of a proxylet; any other wish to upgrade is passed over. */
  readonly takesUpgrade = (request: IncomingMessage): boolean =>
    isRunPath(request.url ?? '') && isHandshake(request);

  /** Takes the connection of such a request. Until the guest agrees it is answered as any other call. */
  readonly upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const response = new ServerResponse(request);
    response.assignSocket(socket as Socket);
    response.shouldKeepAlive = false;
    response.once('finish', () => (socket as Socket).destroySoon());
    // It ends as the socket does, which is heard of as any client's end is.
    socket.on('error', () => undefined);
    this.take(request, response, { socket, head });
  };

  private take(request: IncomingMessage, response: ServerResponse, upgrade: Upgrade | undefined): void {
    const { url = '' } = request;
    const { cors, gate, isKnownHost, traceIdOf } = this.options;
    if ((!isKnownHost(request) || cors.isPreflight(request)) && !gate(request, response)) return;
    const path = parseRunPath(url);
    const isTraced = request.headers['traceparent'] !== undefined;
    const traceId = isTraced ? traceIdOf(request) : newTraceId();
    const call: Call = {
      request,
      response,
      path: path ?? noPath,
      traceId,
      trace: isTraced ? continuedTrace(request, traceId) : newTrace(),
      cors: cors.headersFor(request),
      upgrade,
      handshake: undefined,
      leave: undefined,
    };
    try {
      if (path === undefined) throw new Problem('not-found', 'Calls go to /run/{namespace}/{name}/{path}.');
      if (upgrade !== undefined) {
        // A plain request was counted before it came here.
        this.options.limits.takeRequest(request);
        call.handshake = readHandshake(request, this.options.origins);
      }
      this.authenticate(call);
    } catch (error) {
      this.fail(call, error);
    }
  }

  /** The cache is asked with the whole header: only what was verified from exactly this text is found. */
  private authenticate(call: Call): void {
    const { authorization } = call.handshake ?? call.request.headers;
    const known = authorization === undefined ? undefined : this.options.cache.get(authorization);
    if (known === undefined) void this.verify(call, authorization);
    else this.admit(call, known);
  }

  private async verify(call: Call, authorization: string | undefined): Promise<void> {
    const { verifier, cache, limits } = this.options;
    try {
      limits.assertMayTry(call.request);
      const { principal } = await verifier.verify(bearerText(authorization));
      cache.set(authorization ?? '', principal);
      this.admit(call, principal);
    } catch (error) {
      this.fail(call, error);
    }
  }

  /** @throws Problem where the caller may not make this call */
  private admit(call: Call, caller: Principal): void {
    const { request, path } = call;
    const principal = inTenant(caller, tenantHeaderOf(request));
    this.options.limits.takeCall(principal);
    if (!principal.scopes.has('engine:invoke')) throw insufficientScope(['engine:invoke']);
    if (request.method === 'TRACE') throw new Problem('method-not-allowed', 'A proxylet takes no TRACE.');
    const active = this.options.registry.find(principal.key, path.name);
    if (active === undefined) {
      throw new Problem('not-installed', 'You have no installation of this name on this engine.');
    }
    void this.invoke(call, principal, active, this.bodyOf(call, active));
  }

  /** @throws Problem `body-too-large`, from the stated length alone */
  private bodyOf({ request, traceId }: Call, active: Active): RequestBody | Promise<Uint8Array> {
    try {
      return requestBody(request, this.options.maxBodyBytes, active.guest.limits.timeoutMs);
    } catch (error) {
      if (error instanceof Problem) this.options.onBodyRefused(active, error, traceId);
      throw error;
    }
  }

  private async invoke(
    call: Call,
    principal: Principal,
    active: Active,
    body: RequestBody | Promise<Uint8Array>,
  ): Promise<void> {
    const { response } = call;
    // The caller went away while the token was looked at: no close event comes any more.
    if (response.destroyed) return;
    const startedMs = performance.now();
    const abort = new AbortController();
    active.entered();
    const gone = (): void => {
      active.left();
      call.leave?.();
      if (!response.writableFinished) abort.abort();
    };
    response.once('close', gone);
    let outcome: Outcome;
    try {
      if (call.upgrade !== undefined) call.leave = this.options.sockets.enter(active.record.id);
      const whole = body instanceof Promise ? await body : body;
      const request = this.guestRequest(call, principal, whole, abort.signal);
      const answer = await this.options.sandbox.invoke(active.guest, request);
      if (answer.webSocket === undefined) {
        outcome = this.answer(call, answer)?.code ?? 'ok';
        limitReading(response, active.guest.limits.timeoutMs);
      } else {
        response.off('close', gone);
        this.openSocket(call, active, answer, principal.expiresAtMs);
        outcome = 'ok';
      }
      active.ran();
    } catch (error) {
      outcome = this.fail(call, active.fault ?? error).code;
    }
    active.stats.add(outcome, (performance.now() - startedMs) / 1000);
  }

  /** From here on the connection is no HTTP any more. */
  private openSocket(
    { request, response, upgrade, handshake, leave }: Call,
    active: Active,
    { webSocket, headers }: GuestResponse,
    untilMs: number,
  ): void {
    if (webSocket === undefined || upgrade === undefined || handshake === undefined) return;
    response.detachSocket(upgrade.socket as Socket);
    this.options.sockets.open({
      ...upgrade,
      request,
      protocol: chosenProtocol(handshake, headers),
      guest: webSocket,
      untilMs,
      onClose: () => {
        active.left();
        leave?.();
      },
    });
  }

  private guestRequest(
    { request, path, traceId, trace, handshake }: Call,
    principal: Principal,
    body: RequestBody,
    signal: AbortSignal,
  ): GuestRequest {
    const { origin, host } = this.options.publicOrigin();
    const headers = guestHeaders(request.rawHeaders, host, path.prefix, request.headers.connection);
    addTraceHeaders(headers, traceId, trace);
    return {
      method: request.method ?? 'GET',
      url: origin + path.target,
      headers: handshake === undefined ? headers : handshakeHeaders(handshake, headers),
      body,
      bodyBytes: lengthStated(request),
      takesWebSocket: handshake !== undefined,
      user: userOf(principal),
      signal,
      traceId,
      trace,
    };
  }

  /** Writes the answer; one that is no HTTP becomes a problem, which is answered then. */
  private answer(call: Call, { status, headers, body, bodyBytes }: GuestResponse): Problem | undefined {
    const { request, response, path } = call;
    const isEmpty = request.method === 'HEAD' || status === 204 || status === 304 || body === undefined;
    const isStream = !isEmpty && !(body instanceof Uint8Array);
    const flat = answerHeaders({
      guest: headers,
      prefix: path.prefix,
      bodyBytes: isStream
        ? bodyBytes
        : status === 204 || status === 304
          ? undefined
          : lengthOf(request, body),
      keepsLength: request.method === 'HEAD',
    });
    for (const text of call.cors) flat.push(text);
    flat.push('x-trace-id', call.traceId);
    try {
      response.writeHead(status, flat);
    } catch (error) {
      discard(body);
      return this.fail(
        call,
        new Problem('proxylet-bad-response', 'The proxylet answered with headers that are not HTTP.', {
          cause: error,
        }),
      );
    }
    if (isEmpty) {
      discard(body);
      response.end();
    } else if (body instanceof Uint8Array) {
      endWith(response, body);
    } else {
      // A stream may be long in coming, and its head is news by itself; with a first part at hand they go together.
      setImmediate(() => {
        if (!response.destroyed) response.flushHeaders();
      });
      sendStream(body, response);
    }
    return undefined;
  }

  private fail(call: Call, error: unknown): Problem {
    const { request, response, path, traceId, cors } = call;
    const problem = this.options.toProblem(error);
    const proxylet = path === noPath ? undefined : path.name;
    this.options.refuse({ request, response, problem, traceId, headers: cors, proxylet });
    return problem;
  }
}

const noPath: RunPath = { name: '', prefix: '', target: '/' };

function lengthStated({ headers }: IncomingMessage): number | undefined {
  const length = headers['content-length'];
  return length === undefined ? undefined : Number(length);
}

/** Of a body that is whole; nothing where a HEAD's own length stands. */
function lengthOf({ method }: IncomingMessage, body: GuestResponse['body']): number | undefined {
  if (method === 'HEAD') return undefined;
  return body instanceof Uint8Array ? body.byteLength : 0;
}

/** Up to this size head and body go out as one text: one write, where bytes would take a gathered one. */
const textMaxBytes = 16 * 1024;

/** Latin-1 maps each byte to one character and back, so the bytes stay what they are. */
function endWith(response: ServerResponse, body: Uint8Array): void {
  if (body.byteLength > textMaxBytes) response.end(body);
  else response.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1');
}

/** A caller who takes a whole answer slowly holds its memory: for as long as a call may take, and no longer. */
function limitReading(response: ServerResponse, timeoutMs: number): void {
  if (!response.writableEnded || (response.socket?.writableLength ?? 0) === 0) return;
  const timer = setTimeout(() => response.destroy(), timeoutMs);
  response.once('close', () => clearTimeout(timer));
}

function discard(body: GuestResponse['body']): void {
  if (body === undefined || body instanceof Uint8Array) return;
  body.on('error', () => undefined);
  body.destroy();
}
