import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

const timeoutMs = 20_000;

/** One request with lines as they are, over a connection of its own, for what no HTTP client would send. */
export function rawRequest(
  base: string,
  request: {
    readonly method?: string;
    readonly path: string;
    readonly lines: readonly string[];
    readonly body?: string;
  },
): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(base);
  const { method = 'GET', path, lines, body = '' } = request;
  const head = [`${method} ${path} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...lines, '', ''].join(
    '\r\n',
  );
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  const socket = connect(Number(port), hostname);
  const chunks: Buffer[] = [];
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer to ${path} in ${timeoutMs} ms`)));
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', (error) => (chunks.length === 0 ? reject(error) : undefined));
  socket.on('close', () => resolve(answerOf(Buffer.concat(chunks).toString('latin1'))));
  socket.write(Buffer.from(head + body, 'latin1'));
  return promise;
}

function answerOf(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const head = end < 0 ? text : text.slice(0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  return { status, head: head.toLowerCase(), body: end < 0 ? '' : text.slice(end + 4) };
}
