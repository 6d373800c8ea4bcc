import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bareEnvironment, inWorkspace, ServiceProcess } from '@proxylet/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readWalk } from '../support/walk.js';

let stateDir: string;
let launcher: ServiceProcess;
let ports: ReadonlyMap<string, string>;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'proxylet-walk-'));
  launcher = new ServiceProcess({
    name: 'launcher',
    main: inWorkspace('apps/stack/dist/main.js'),
    args: ['--json'],
    settings: () => ({
      PROXYLET_STATE_DIR: stateDir,
      PROXYLET_CATALOG_PORT: '0',
      PROXYLET_ENGINE_PORT: '0',
      PROXYLET_IDM_PORT: '0',
    }),
  });
  await launcher.start();
  const { catalog, engine, idm } = launcher.announcement as Record<'catalog' | 'engine' | 'idm', string>;
  ports = new Map([
    ['7070', new URL(catalog).port],
    ['7080', new URL(engine).port],
    ['7090', new URL(idm).port],
  ]);
});

afterAll(async () => {
  await launcher.stop();
  await rm(stateDir, { recursive: true, force: true });
});

/** Types the lines into one shell, and gives what each printed. */
async function type(lines: readonly string[]): Promise<string[]> {
  const typed = lines.map((line) =>
    line.replaceAll(/(?<=127\.0\.0\.1:)70[789]0/g, (port) => ports.get(port) ?? port),
  );
  const script = typed.map((line) => `${line}\necho "<<$?>>"`).join('\n');
  const { stdout } = await promisify(execFile)('sh', ['-c', script], { env: bareEnvironment() });
  const answers = stdout.split(/\n?<<(\d+)>>\n/).slice(0, -1);
  const exitCodes = answers.filter((_, i) => i % 2 === 1);
  expect(exitCodes, stdout).toEqual(lines.map(() => '0'));
  return answers.filter((_, i) => i % 2 === 0);
}

it('walks from a token to answers by the very lines of the README', async () => {
  const lines = await readWalk();
  expect(lines.length).toBeLessThanOrEqual(8);
  const [token, engine, service, readings, totals, country, installations, refusal] = await type(lines);
  expect(token).toBe('');
  expect(json(engine)).toMatchObject({ id: 'local', audience: 'urn:proxylet:engine:local' });
  expect(json(service)).toMatchObject({ service: 'demo/smart-grid' });
  expect(json(readings)).toEqual({ accepted: 3, duplicates: 0 });
  expect(json(totals)).toMatchObject({
    minutes: [{ wh: 90, readings: 3, households: 3 }],
    total: { wh: 90, readings: 3 },
  });
  expect(json(country)).toMatchObject({ country: 'France' });
  const { items } = json(installations) as { items: { name: string; state: string }[] };
  expect(items.map(({ name }) => name).toSorted()).toEqual(['demo/geo', 'demo/meters']);
  expect(refusal).toMatch(/^HTTP\/1\.1 401 /);
  expect(refusal).toMatch(/^www-authenticate: Bearer/im);
});

function json(text: string | undefined): unknown {
  return JSON.parse(text ?? '');
}
