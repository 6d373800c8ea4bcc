import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { Problem } from '@proxylet/contract';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Gate, setSafeHeaders } from '../http/gate.js';
import { traceIdOf } from '../http/trace.js';
import { sendProblem } from '../problem/send-problem.js';
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

function server(handler: RequestListener, { front, gate, isClosing }: FastifyOptions): Server {
  const next: RequestListener = (request, response) => {
    if (!gate(request, response)) return;
    setSafeHeaders(response);
    handler(request, response);
  };
  return createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
    },
    (request, response) => {
      if (isClosing()) refuse(request, response);
      else if (front()?.(request, response, next) !== true) next(request, response);
    },
  );
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
