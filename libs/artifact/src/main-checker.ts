import { Worker } from 'node:worker_threads';
import { Problem, type ProblemCode } from '@proxylet/contract';
import { checkMain } from './check-main.js';
import { show } from './refusal.js';
import type { MainWarning } from './static-look.js';

/** Up to this size even the worst input parses in a few ms, less than a hand-over to another thread costs. */
const inlineMaxChars = 16 * 1024;

export interface CheckRequest {
  readonly source: string;
  readonly path: string;
  readonly capabilities: readonly string[];
}

export type CheckAnswer =
  | { readonly ok: true; readonly warnings: readonly MainWarning[] }
  | { readonly ok: false; readonly code: ProblemCode; readonly detail: string };

/**
 * Runs `checkMain` in a thread with a bounded heap and bounded time, so that a module made to be slow to parse
 * costs its own publisher an answer and nobody else anything. One thread, made at first use, one check at a time.
 */
export class MainChecker {
  private worker: Worker | undefined;
  private last: Promise<unknown> = Promise.resolve();

  /** `timeoutMs` is for one check; parsing 8 MB of honest code takes about a second. */
  constructor(private readonly timeoutMs = 10_000) {}

  /** @throws Problem `main-invalid` */
  async check(
    source: string,
    path: string,
    capabilities: readonly string[] = [],
  ): Promise<readonly MainWarning[]> {
    if (source.length <= inlineMaxChars) return checkMain(source, path, capabilities);
    const turn = this.last.then(() => this.ask({ source, path, capabilities }));
    this.last = turn.catch(() => undefined);
    const answer = await turn;
    if (!answer.ok) throw new Problem(answer.code, answer.detail);
    return answer.warnings;
  }

  /** Safe to call twice; a check under way fails. */
  async close(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private ask(request: CheckRequest): Promise<CheckAnswer> {
    this.worker ??= startWorker();
    const { worker } = this;
    return new Promise((resolve, reject) => {
      const release = (): void => {
        clearTimeout(timer);
        // By name: the thread keeps listeners of its own among them.
        for (const event of ['message', 'error', 'exit']) worker.removeAllListeners(event);
        worker.unref();
      };
      const giveUp = (error?: unknown): void => {
        release();
        if (this.worker === worker) this.worker = undefined;
        worker.on('error', () => undefined);
        void worker.terminate();
        if (error === undefined || isOutOfMemory(error)) resolve(tooCostly(request.path));
        else reject(error);
      };
      const timer = setTimeout(giveUp, this.timeoutMs);
      worker.once('message', (answer: CheckAnswer) => {
        release();
        resolve(answer);
      });
      worker.once('error', giveUp);
      worker.once('exit', () => giveUp(new Error('the thread that checks modules was stopped')));
      worker.ref();
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      worker.postMessage(request);
    });
  }
}

function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY';
}

function startWorker(): Worker {
  const worker = new Worker(new URL('main-checker.worker.js', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: 768, stackSizeMb: 4 },
    env: {},
  });
  worker.unref();
  return worker;
}

function tooCostly(path: string): CheckAnswer {
  return {
    ok: false,
    code: 'main-invalid',
    detail: `The main module ${show(path)} takes too long or too much memory to parse.`,
  };
}
