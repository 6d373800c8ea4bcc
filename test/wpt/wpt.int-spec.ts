import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { inWorkspace } from '@proxylet/testing';
import { beforeAll, describe, expect, it } from 'vitest';

const exec = promisify(execFile);
const script = inWorkspace('test/wpt/run.mjs');

/** In groups that take about as long as one another; together well below a minute. */
const groups: readonly (readonly string[])[] = [
  ['url', 'encoding', 'console', 'webidl', 'wasm/jsapi'],
  ['streams'],
  ['dom/abort', 'dom/events', 'html/webappapis', 'hr-time', 'user-timing', 'FileAPI'],
  ['WebCryptoAPI'],
];

interface Outcome {
  readonly code: number;
  readonly output: string;
}

async function run(args: readonly string[]): Promise<Outcome> {
  try {
    const { stdout } = await exec(process.execPath, [script, ...args], { maxBuffer: 64 * 1024 * 1024 });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: `${stdout}\n${stderr}` };
  }
}

describe('web-platform-tests', () => {
  let missing = '';
  beforeAll(async () => {
    const { code, output } = await run(['--fetch']);
    missing = code === 0 ? '' : output;
  });

  // oxlint-disable-next-line node/no-process-env -- a machine without a network may do without, the gate may not
  const isGate = process.env['CI'] === 'true';

  it.each(groups.map((folders) => ({ folders })))(
    '$folders: every failure is expected, and every expectation fails',
    async ({ folders }) => {
      if (missing !== '' && !isGate) return;
      expect(missing).toBe('');
      const { code, output } = await run(folders);
      expect(output).not.toMatch(/fails:|passes, and is expected|out of step/);
      expect(code).toBe(0);
    },
  );

  it('give the same over HTTP, as published and installed proxylets', async () => {
    if (missing !== '' && !isGate) return;
    const { code, output } = await run(['--http', 'dom/abort']);
    expect(output).toContain('dom/abort: 31 of 31');
    expect(output).not.toMatch(/fails:|passes, and is expected|out of step/);
    expect(code).toBe(0);
  });
});
