import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Containment, detectContainment } from './containment.js';
import { runnerArguments, runnerFiles } from './runner-files.js';
import { defaultLimits, runnerSettingsOf } from './sandbox-limits.js';

const script = fileURLToPath(new URL('../../test/escaped-runner.cjs', import.meta.url));

/** The layers outside of an isolate, each looked at from where an escaped guest would be. */
describe('code that broke out of its isolate cannot', () => {
  let folder: string;
  let server: Server;
  let connections = 0;
  let containment: Containment;
  let found: Record<string, string>;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'proxylet-escape-'));
    writeFileSync(join(folder, 'secret'), 'the engine’s own', { mode: 0o644 });
    server = createServer(() => (connections += 1));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    containment = detectContainment({
      files: [...Object.values(runnerFiles()), script],
      userIds: [59_000, 59_255],
    });
    found = await escape();
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  /** Runs the tries in the place of a runner, beside a process that stands for another one. */
  async function escape(): Promise<Record<string, string>> {
    const { port } = server.address() as AddressInfo;
    const [sleeper = '', ...rest] = commandOf('/bin/sleep', ['60']);
    const other = spawn(sleeper, rest, { stdio: 'ignore', env: {} });
    const files = { ...runnerFiles(), script };
    const args = runnerArguments(files, runnerSettingsOf(defaultLimits));
    const at = args.indexOf(script);
    const own = [process.pid, port, other.pid, join(folder, 'secret')].map(String);
    const [program = '', ...all] = commandOf(process.execPath, [...args.slice(0, at + 1), ...own]);
    const child = spawn(program, all, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], env: {}, cwd: '/' });
    let text = '';
    let faults = '';
    child.stderr?.on('data', (chunk) => (faults += String(chunk)));
    (child.stdio[3] as Socket).on('data', (chunk) => (text += String(chunk)));
    await new Promise((done) => child.once('close', done));
    other.kill('SIGKILL');
    expect(text, faults).not.toBe('');
    return JSON.parse(text) as Record<string, string>;
  }

  function commandOf(program: string, args: readonly string[]): string[] {
    const [first, all] = containment.wrap(program, args);
    return [first, ...all];
  }

  it.each([
    'read a file',
    'read the password file',
    'list a folder',
    'write a file',
    'read the environment of the engine',
    'read the memory of the engine',
    'start a process',
    'start a thread of Node',
    'use the inspector',
  ])('%s', (name) => {
    expect(found[name]).toMatch(/^refused: /);
  });

  it('connect to the host, where the system lets runners have a network of their own', () => {
    if (containment.report.network === 'open') return;
    expect(found['connect to the host']).toMatch(/^refused: /);
    expect(connections).toBe(0);
  });

  it('become root, signal the engine or another runner, where the engine is root', () => {
    if (containment.report.user !== 'own') return;
    expect(found['ask for more rights']).toMatch(/^refused: /);
    expect(found['signal the engine']).toBe('refused: EPERM');
    expect(found['signal another runner']).toBe('refused: EPERM');
  });
});
