import type { ProblemCode } from '@proxylet/contract';
import { problemCodes } from '@proxylet/contract';
import { expect } from 'vitest';

export interface ReceivedProblem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly traceId: string;
}

/** Asserts that the answer is a whole problem of one of these codes with the status of its code, and gives it. */
export async function expectProblem(
  response: Response,
  ...codes: readonly ProblemCode[]
): Promise<ReceivedProblem> {
  const text = await response.text();
  const shown = `${response.status} ${text.slice(0, 500)}`;
  expect(response.headers.get('content-type'), shown).toMatch(/^application\/problem\+json/);
  const problem = JSON.parse(text) as ReceivedProblem;
  expect(codes, shown).toContain(problem.code);
  const { status, title } = problemCodes[problem.code as ProblemCode];
  expect(problem).toMatchObject({ status, title, type: `urn:proxylet:problem:${problem.code}` });
  expect(response.status).toBe(status);
  expect(problem.detail).not.toBe('');
  expect(problem.traceId).toMatch(/^[0-9a-f]{32}$/);
  return problem;
}
