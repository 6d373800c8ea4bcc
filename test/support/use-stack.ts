import { startTestStack, type TestStack, type TestStackOptions } from '@proxylet/testing';
import { afterAll, beforeAll, beforeEach, onTestFailed } from 'vitest';

export interface StackOfSuite {
  /** There from the first `beforeAll` after this on. */
  readonly stack: TestStack;
}

/** One stack for the tests of a file; what its services logged during a test is shown when that fails. */
export function useStack(
  options: TestStackOptions = {},
  prepare?: (stack: TestStack) => Promise<void>,
): StackOfSuite {
  let running: TestStack | undefined;
  beforeAll(async () => {
    running = await startTestStack(options);
    await prepare?.(running);
  });
  afterAll(async () => {
    await running?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    const mark = running?.logMark();
    onTestFailed(() => {
      process.stderr.write(`${running?.logsSince(mark) ?? ''}\n`);
    });
  });
  return {
    get stack(): TestStack {
      if (running === undefined) throw new Error('The stack runs in tests and in hooks only');
      return running;
    },
  };
}
