import { parentPort } from 'node:worker_threads';
import { Problem } from '@proxylet/contract';
import { checkMain } from './check-main.js';
import type { CheckAnswer, CheckRequest } from './main-checker.js';

parentPort?.on('message', (request: CheckRequest) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  parentPort?.postMessage(answer(request));
});

/** Anything but a problem ends the thread, which the other side takes as a refusal. */
function answer({ source, path, capabilities }: CheckRequest): CheckAnswer {
  try {
    return { ok: true, warnings: checkMain(source, path, capabilities) };
  } catch (error) {
    if (error instanceof Problem) return { ok: false, code: error.code, detail: error.detail };
    throw error;
  }
}
