import { connect } from 'node:net';
import { Latencies } from './latencies.mjs';

/**
 * Sends one request over and over, one at a time on each of `connections` kept-alive connections, for `seconds`.
 * Gives requests, bytes of bodies both ways, errors, and latencies in ms: to the end of the answer, or to the first
 * byte of its body. It looks at nothing but where head and answer end.
 */
export async function flowLoad(target, { path, body, connections, firstByte = false }, seconds) {
  const run = {
    target,
    head: headOf(target, path, body),
    body,
    firstByte,
    latencies: new Latencies(),
    bytes: 0,
    errors: 0,
    isOver: false,
  };
  const lanes = await Promise.all(Array.from({ length: connections }, () => FlowLane.open(run)));
  const startedMs = performance.now();
  for (const lane of lanes) lane.send();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  // A slow machine gets the time that one answer takes.
  while (run.latencies.count === 0 && run.errors === 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const elapsed = (performance.now() - startedMs) / 1000;
  const { bytes, errors, latencies } = run;
  const requests = latencies.count;
  run.isOver = true;
  for (const lane of lanes) lane.close();
  return { requests, bytes, errors, seconds: elapsed, latencies };
}

function headOf({ host, port, prefix, headers }, path, body) {
  const all = { host: `${host}:${port}`, ...headers };
  if (body !== undefined) all['content-length'] = body.length;
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `${body === undefined ? 'GET' : 'POST'} ${prefix}${path} HTTP/1.1\r\n${lines.join('')}\r\n`,
  );
}

class FlowLane {
  #run;
  #socket;
  #sentMs = 0;
  /** Text of a head that is not whole. */
  #head = '';
  #isInBody = false;
  #hasBegun = false;
  /** Bytes still to come; undefined for a chunked body, whose end is looked for. */
  #missing;
  #tail = '';

  /** Settles when connected. */
  static open(run) {
    const lane = new FlowLane();
    lane.#run = run;
    return new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafe(256 * 1024);
      const onread = { buffer, callback: (size) => lane.#read(buffer.subarray(0, size)) };
      lane.#socket = connect({ host: run.target.host, port: run.target.port, noDelay: true, onread });
      lane.#socket.once('connect', () => resolve(lane));
      lane.#socket.on('error', reject);
      lane.#socket.once('close', () => {
        if (!run.isOver) run.errors += 1;
      });
    });
  }

  send() {
    this.#sentMs = performance.now();
    this.#socket.write(this.#run.head);
    if (this.#run.body !== undefined) this.#socket.write(this.#run.body);
  }

  close() {
    this.#socket.destroy();
  }

  #read(data) {
    let rest = data;
    if (!this.#isInBody) {
      this.#head += data.latin1Slice();
      const end = this.#head.indexOf('\r\n\r\n') + 4;
      if (end < 4) return true;
      rest = data.subarray(data.length - (this.#head.length - end));
      this.#beginBody(this.#head.slice(0, end));
      this.#head = '';
    }
    this.#take(rest);
    return true;
  }

  #beginBody(head) {
    this.#isInBody = true;
    this.#hasBegun = false;
    this.#tail = '';
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    this.#missing = length === null ? undefined : Number(length[1]);
    if (!head.startsWith('HTTP/1.1 200')) this.#run.errors += 1;
  }

  #take(rest) {
    const run = this.#run;
    run.bytes += rest.length;
    if (rest.length > 0 && !this.#hasBegun) {
      this.#hasBegun = true;
      if (run.firstByte) run.latencies.add(performance.now() - this.#sentMs);
    }
    if (this.#missing === undefined) {
      this.#tail = (this.#tail + rest.latin1Slice(Math.max(0, rest.length - 7))).slice(-7);
      if (!this.#tail.endsWith('\r\n0\r\n\r\n')) return;
    } else {
      this.#missing -= rest.length;
      if (this.#missing > 0) return;
    }
    this.#isInBody = false;
    run.bytes += run.body?.length ?? 0;
    if (!run.firstByte) run.latencies.add(performance.now() - this.#sentMs);
    if (!run.isOver) this.send();
  }
}
