import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/idm/main.js', import.meta.url));
let stateDir: string;
let child: ChildProcess | undefined;

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'idm-'));
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await rm(stateDir, { recursive: true });
});

function start(settings: Record<string, string> = {}): ChildProcess {
  const env = { PROXYLET_STATE_DIR: stateDir, PROXYLET_IDM_PORT: '0', ...settings };
  child = spawn(process.execPath, [main], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  return child;
}

/** Exit code and the last line on standard error. */
async function endOf({ stderr }: ChildProcess): Promise<{ code: unknown; last: string | undefined }> {
  let text = '';
  stderr?.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const [code] = (await once(child as ChildProcess, 'close')) as unknown[];
  return { code, last: text.trim().split('\n').at(-1) };
}

async function readyLine({ stdout }: ChildProcess): Promise<unknown> {
  if (stdout === null) throw new Error('no standard output');
  const [line] = (await once(createInterface({ input: stdout }), 'line')) as string[];
  return JSON.parse(line ?? '');
}

describe('the process of the development IdM', () => {
  it('says on one line that it is ready, and stops cleanly on SIGTERM', async () => {
    const idm = start();
    expect(await readyLine(idm)).toEqual({
      ready: true,
      service: 'idm',
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      pid: idm.pid,
    });
    idm.kill('SIGTERM');
    expect(await endOf(idm)).toMatchObject({ code: 0 });
  });

  it('stops when the launcher that holds its standard input dies', async () => {
    const idm = start({ PROXYLET_EXIT_WITH_PARENT: '1' });
    await readyLine(idm);
    idm.stdin?.destroy();
    expect(await endOf(idm)).toMatchObject({ code: 0 });
  });

  it('refuses production', async () => {
    expect(await endOf(start({ NODE_ENV: 'production' }))).toEqual({
      code: 64,
      last: expect.stringContaining('does not run with NODE_ENV=production') as string,
    });
  });

  it('names every wrong setting and shows no value', async () => {
    const settings = { PROXYLET_IDM_PORT: 'hunter2', PROXYLET_IDM_AUDIENCES: '{"catalog":"hunter2"}' };
    const { code, last } = await endOf(start(settings));
    expect(code).toBe(64);
    expect(last).toMatch(/PROXYLET_IDM_PORT must be a port.*PROXYLET_IDM_AUDIENCES must be JSON/);
    expect(last).not.toContain('hunter2');
  });

  it('ends with 69 when its port is taken', async () => {
    const holder: Server = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    try {
      const address = holder.address();
      const port = typeof address === 'object' ? String(address?.port) : '';
      expect(await endOf(start({ PROXYLET_IDM_PORT: port }))).toEqual({
        code: 69,
        last: expect.stringContaining(`127.0.0.1:${port} (EADDRINUSE)`) as string,
      });
    } finally {
      holder.close();
    }
  });

  it('ends with 73 when its folder cannot be made', async () => {
    const file = join(stateDir, 'file');
    await writeFile(file, '');
    expect(await endOf(start({ PROXYLET_STATE_DIR: file }))).toEqual({
      code: 73,
      last: expect.stringContaining('cannot be written') as string,
    });
  });

  it('does not make new keys over damaged ones', async () => {
    const idm = start();
    await readyLine(idm);
    idm.kill('SIGTERM');
    await endOf(idm);
    await writeFile(join(stateDir, 'idm/jwks.json'), '{"keys":[');
    expect(await endOf(start())).toEqual({ code: 64, last: expect.stringContaining('is damaged') as string });
  });
});
