import { connect } from 'node:net';
import { Latencies } from './latencies.mjs';

/**
 * Sends the same GET over `connections` kept-alive connections, one at a time on each, for `seconds`, and gives
 * requests, errors, seconds, and latencies in ms. It shares two cores with the server, so it does as little per
 * request as HTTP allows: bytes made once, answers of one first digit counted as right, one shared read buffer, no parsing but of where an answer ends.
 */
export async function load(target, { connections, seconds, status = '2' }) {
  const expected = status.charCodeAt(0);
  const run = {
    expected,
    bytes: requestBytes(target),
    latencies: new Latencies(),
    errors: 0,
    isOver: false,
    target,
  };
  const lanes = await Promise.all(Array.from({ length: connections }, () => Lane.open(run)));
  const startedMs = performance.now();
  for (const lane of lanes) lane.send();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  run.isOver = true;
  const elapsed = (performance.now() - startedMs) / 1000;
  const requests = run.latencies.count;
  await Promise.all(lanes.map((lane) => lane.finished));
  return { requests, errors: run.errors, seconds: elapsed, latencies: run.latencies };
}

/** One call whose status, header and body are looked at as a whole: whether the target does what is measured. */
export async function assertAnswers({ name, host, port, path, headers, expected }) {
  const response = await fetch(`http://${host}:${port}${path}`, { headers });
  const text = await response.text();
  if (
    response.status === 200 &&
    text === JSON.stringify(expected) &&
    response.headers.get('x-bench') === 'json'
  )
    return;
  throw new Error(`${name} answered ${response.status} ${text.slice(0, 500)}`);
}

function requestBytes({ host, port, path, headers }) {
  const lines = Object.entries({ host: `${host}:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
}

/** A connection with at most one request under way. */
class Lane {
  finished = new Promise((resolve) => {
    this.finish = resolve;
  });
  #run;
  #socket;
  #sentMs = 0;
  #rest = '';
  #status = 0;
  /** Bytes of the answer under way that are yet to come, where its length is known. */
  #missing = 0;

  /** Settles when connected. */
  static open(run) {
    const lane = new Lane();
    lane.#run = run;
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: run.target.host,
        port: run.target.port,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(64 * 1024),
          callback: (size, buffer) => lane.#read(buffer, size),
        },
      });
      lane.#socket = socket;
      socket.once('connect', () => resolve(lane));
      socket.once('error', reject);
      socket.once('close', () => lane.#closed());
    });
  }

  send() {
    this.#sentMs = performance.now();
    this.#socket.write(this.#run.bytes);
  }

  #read(buffer, size) {
    if (this.#missing > 0) {
      this.#missing -= size;
      if (this.#missing === 0) this.#next();
      return true;
    }
    const text = this.#rest + buffer.latin1Slice(0, size);
    const missing = missingBytes(text);
    // Status of `HTTP/1.1 200 OK`.
    this.#status = text.charCodeAt(9);
    this.#rest = missing === undefined ? text : '';
    this.#missing = missing ?? 0;
    if (missing === 0) this.#next();
    return true;
  }

  #next() {
    const run = this.#run;
    if (run.isOver) {
      this.#socket.destroy();
      return;
    }
    if (this.#status === run.expected) run.latencies.add(performance.now() - this.#sentMs);
    else run.errors += 1;
    this.send();
  }

  /** The server closed the connection in the middle of a run: counted, and not opened again. */
  #closed() {
    if (!this.#run.isOver) this.#run.errors += 1;
    this.finish();
  }
}

/** Bytes that the answer which begins with this text lacks; undefined where only the text of the rest can tell. */
function missingBytes(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const at = lengthHeader.exec(text);
  if (at !== null && at.index < end) return Math.max(0, end + 4 + Number(at[1]) - text.length);
  return text.endsWith('\r\n0\r\n\r\n') ? 0 : undefined;
}

const lengthHeader = /\r\ncontent-length: *(\d+)/i;
