import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { assertBearable } from '@proxylet/auth';
import { Problem } from '@proxylet/contract';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { FloodLimits } from '../flood/flood-limits.js';
import { type Gate, setSafeHeaders } from '../http/gate.js';
import { traceIdOf } from '../http/trace.js';
import { challenge, type ChallengeSource, sendProblem } from '../problem/send-problem.js';
import { toProblem } from '../problem/to-problem.js';
import type { Metrics } from './metrics.js';

/**
 * Sees every request before anything else; true where it has taken it, false where it goes on to Nest. What it has
 * taken it may still hand on later, by `next`.
 */
export type FrontHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (request: IncomingMessage, response: ServerResponse) => void,
) => boolean;

export interface FastifyOptions {
  readonly gate: Gate;
  /** Read at every request: the handler exists only after the application is wired. */
  readonly front: () => FrontHandler | undefined;
  readonly bodyLimitBytes: number;
  readonly metrics: Metrics;
  readonly limits: FloodLimits;
  readonly maxConnections: number;
  /** Certificate and key; without them plain HTTP. */
  readonly tls: SecureContextOptions | undefined;
  readonly source: ChallengeSource;
  /** Whether `X-Forwarded-For` of this address is believed. */
  readonly isTrustedProxy: (address: string) => boolean;
  /** True from the moment the service was asked to stop. */
  readonly isClosing: () => boolean;
}

/** The headers of a request must arrive within this time, ms. */
const headersTimeoutMs = 10_000;
/** A whole request, uploads included, must arrive within this time, ms. */
const requestTimeoutMs = 300_000;
const keepAliveTimeoutMs = 65_000;
/** Connections are looked at for these times so often; 30 s by default, which would stretch the shortest of them. */
const connectionsCheckMs = 5000;

/** Fastify with our own server in front: gate, data plane, then Nest. Headers of configured proxies alone are believed. */
export function createAdapter(options: FastifyOptions): FastifyAdapter {
  const adapter = new FastifyAdapter({
    logger: false,
    // Asked about the connection first: with no proxy configured nothing a caller says counts.
    trustProxy: options.isTrustedProxy,
    bodyLimit: options.bodyLimitBytes,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
    serverFactory: (handler: RequestListener) => server(handler, options),
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      reply.hijack();
      sendProblem(reply.raw, toProblem(error), traceIdOf(request.raw));
    },
    clientErrorHandler: answerBrokenRequest,
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  takeBodies(fastify);
  fastify.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    options.metrics.observeRequest(request.method, url, reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
  return adapter;
}

function server(handler: RequestListener, options: FastifyOptions): Server {
  const { front, gate, isClosing, tls } = options;
  const create = tls === undefined ? createServer : tlsServerWith(tls);
  const next: RequestListener = (request, response) => {
    if (!gate(request, response)) return;
    setSafeHeaders(response);
    handler(request, response);
  };
  const made = create(
    {
      connectionsCheckingInterval: connectionsCheckMs,
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
    },
    (request, response) => {
      if (isClosing()) refuse(request, response);
      else if (isTooMuch(request, response, options)) return;
      else if (front()?.(request, response, next) !== true) next(request, response);
    },
  );
  made.maxConnections = options.maxConnections;
  return made;
}

/**
 * Answers by itself, in the cheapest way, where an address sends too many requests or a token is longer than any that
 * is looked at; a flood of these must not reach a framework.
 */
function isTooMuch(
  request: IncomingMessage,
  response: ServerResponse,
  { limits, source }: FastifyOptions,
): boolean {
  try {
    // Whoever watches over this service must be answered whatever else its address sends.
    if (request.url?.startsWith('/health/') !== true) limits.takeRequest(request);
    assertOneHost(request);
    assertBearable(request.headers.authorization);
    return false;
  } catch (error) {
    const problem = toProblem(error);
    limits.note(problem, request);
    const wwwAuthenticate = challenge(problem, source);
    const headers = wwwAuthenticate === undefined ? {} : { 'www-authenticate': wwwAuthenticate };
    sendProblem(response, problem, traceIdOf(request), headers);
    return true;
  }
}

/** The rest of this service sees no difference but what a socket is. */
function tlsServerWith(tls: SecureContextOptions): typeof createServer {
  return ((options: ServerOptions, listener: RequestListener) =>
    createTlsServer({ ...options, ...tls }, listener)) as unknown as typeof createServer;
}

/** RFC 9112 §3.2. Node takes the first of several; a proxy in front may have taken another one. */
function assertOneHost({ rawHeaders }: IncomingMessage): void {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  if (hosts > 1) throw new Problem('invalid-request', 'The request has more than one Host header.');
}

/** Connections that are kept alive would otherwise go on bringing requests while the last ones finish. */
function refuse(request: IncomingMessage, response: ServerResponse): void {
  const problem = new Problem('not-ready', 'This server is stopping; ask again.', { retryAfterSeconds: 1 });
  sendProblem(response, problem, traceIdOf(request), { connection: 'close' });
}

/** JSON is read whole up to the limit; archives are handed on as they come; all else is 415. */
function takeBodies(fastify: FastifyInstance): void {
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser(
    ['application/gzip', 'application/octet-stream', 'multipart/form-data'],
    (_request, payload, done) => {
      done(null, payload);
    },
  );
}

/** What is no HTTP gets the shortest answer there is. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const isTooLarge = error.code === 'HPE_HEADER_OVERFLOW';
  const isLate = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const sentence = isTooLarge
    ? 'The request headers are too large.'
    : isLate
      ? 'The request did not arrive in time.'
      : 'This is not a well-formed HTTP request.';
  const body = JSON.stringify(new Problem('invalid-request', sentence).toBody());
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
