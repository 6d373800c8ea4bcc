import { readFile, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { cpuTimeMs } from '@proxylet/testing';

/** What an answer said, and what it cost the server. */
export interface Outcome {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly ms: number;
  /** Processor time of the process meanwhile, ms. */
  readonly cpuMs: number;
  /** Most memory the process had since the request began, bytes. */
  readonly peakBytes: number;
}

export interface Sending {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly pieces: Iterable<Buffer>;
}

/** Sends pieces to the process `pid` as long as no answer came, as a client does that looks for none. */
export async function watchedRequest(pid: number, sending: Sending): Promise<Outcome> {
  await writeFile(`/proc/${pid}/clear_refs`, '5');
  const started = performance.now();
  const cpuBefore = cpuTimeMs(pid) ?? 0;
  const answer = await exchange(sending);
  const ms = performance.now() - started;
  return { ...answer, ms, cpuMs: (cpuTimeMs(pid) ?? 0) - cpuBefore, peakBytes: await peakOf(pid) };
}

async function exchange({
  method,
  url,
  headers,
  pieces,
}: Sending): Promise<Pick<Outcome, 'status' | 'body'>> {
  const request = httpRequest(url, { method, headers });
  const answered = new Promise<Pick<Outcome, 'status' | 'body'>>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const body = (text === '' ? {} : JSON.parse(text)) as Outcome['body'];
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
  });
  let isOver = false;
  const over = (): void => {
    isOver = true;
  };
  void answered.then(over, over);
  for (const piece of pieces) {
    if (isOver) break;
    if (!request.write(piece)) await new Promise((resolve) => setImmediate(resolve));
  }
  request.end();
  const answer = await answered;
  request.destroy();
  return answer;
}

async function peakOf(pid: number): Promise<number> {
  const [, kib = '0'] = /^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'latin1')) ?? [];
  return Number(kib) * 1024;
}
