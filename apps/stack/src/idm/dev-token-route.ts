import type { IncomingMessage, ServerResponse } from 'node:http';
import { type DevTokenOptions, issueDevToken, TokenRefusal } from './dev-token.js';

const bodyMaxBytes = 4096;

/** `POST /dev/token`: form or JSON in, JSON out. */
export async function answerDevToken(
  options: DevTokenOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      sendJson(response, 405, refusalBody('invalid_request', 'use POST'));
      return;
    }
    // A page may not have a token made for it; scripts send no Origin.
    if (request.headers.origin !== undefined) {
      sendJson(response, 403, refusalBody('invalid_request', 'not for web pages: use the client web'));
      return;
    }
    const input = parseBody(request.headers['content-type'], await readBody(request));
    sendJson(response, 200, await issueDevToken(options, input));
  } catch (error) {
    if (!(error instanceof TokenRefusal)) throw error;
    sendJson(response, 400, refusalBody(error.code, error.message));
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(JSON.stringify(body));
}

function refusalBody(error: string, description: string): Record<string, string> {
  return { error, error_description: description };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > bodyMaxBytes) throw new TokenRefusal('invalid_request', 'the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseBody(contentType: string | undefined, text: string): unknown {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/x-www-form-urlencoded') {
    const pairs = [...new URLSearchParams(text)];
    if (new Set(pairs.map(([name]) => name)).size === pairs.length) return Object.fromEntries(pairs);
    throw new TokenRefusal('invalid_request', 'a parameter is given twice');
  }
  if (type !== 'application/json') {
    throw new TokenRefusal('invalid_request', 'send a form (application/x-www-form-urlencoded) or JSON');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new TokenRefusal('invalid_request', 'the body is not JSON');
  }
}
