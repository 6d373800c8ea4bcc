import { describe, expect, it } from 'vitest';
import { isProblemCode, Problem } from './problem.js';
import { problemCodes } from './problem-codes.js';

describe('a problem', () => {
  it('has the body of RFC 9457, with a stable code', () => {
    const problem = new Problem('version-exists', 'acme/thumb 1.0.0 exists.', {
      errors: [{ pointer: '/version', detail: 'is taken' }],
      extra: { digest: 'sha256:0', status: 200 },
      cause: new Error('secret'),
    });
    expect(problem.toBody('abc')).toEqual({
      type: 'urn:proxylet:problem:version-exists',
      title: problemCodes['version-exists'].title,
      status: 409,
      detail: 'acme/thumb 1.0.0 exists.',
      code: 'version-exists',
      traceId: 'abc',
      errors: [{ pointer: '/version', detail: 'is taken' }],
      digest: 'sha256:0',
    });
    expect(JSON.stringify(problem.toBody())).not.toContain('secret');
  });

  it('knows its codes and no inherited name', () => {
    expect(isProblemCode('cpu-limit')).toBe(true);
    expect(isProblemCode('constructor')).toBe(false);
    expect(isProblemCode(7)).toBe(false);
  });

  it.each(Object.entries(problemCodes))('%s is an error status with a title', (code, { status, title }) => {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(600);
    expect(title).not.toMatch(/[.!]$/);
  });
});
