import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PackedProxylet } from '@proxylet/testing';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { CatalogWay, type Tamper } from '../support/catalog-way.js';
import { filesBelow, flipBit } from '../support/files.js';
import { expectProblem, type ReceivedProblem } from '../support/problem.js';
import { saying } from '../support/sources.js';
import { useStack } from '../support/use-stack.js';

const way = new CatalogWay();
afterAll(() => way[Symbol.asyncDispose]());
beforeEach(() => {
  way.tamper = undefined;
});

const suite = useStack({ catalogUrlForEngine: way.between });

/** Tries to install for alice and gives the refusal. */
async function refusedInstall(name: string): Promise<ReceivedProblem> {
  const { stack } = suite;
  const response = await fetch(`${stack.engine.url}/v1/installations/${name}`, {
    method: 'PUT',
    headers: { authorization: await stack.bearer('alice', 'engine'), 'content-type': 'application/json' },
    body: JSON.stringify({ version: '*', consent: true }),
  });
  return expectProblem(response, 'artifact-corrupt');
}

async function assertNothingKept(name: string, { digest }: PackedProxylet): Promise<void> {
  await expectProblem(await suite.stack.run('alice', name), 'not-installed');
  expect(await fileOf('engine', digest)).toBeUndefined();
}

/** The file in which a service keeps the archive. */
async function fileOf(service: 'engine' | 'catalog', digest: string): Promise<string | undefined> {
  const [file] = await filesBelow(join(suite.stack.stateDir, service), digest.slice('sha256:'.length));
  return file;
}

async function presentFileOf(service: 'engine' | 'catalog', digest: string): Promise<string> {
  const file = await fileOf(service, digest);
  if (file === undefined) throw new Error(`The ${service} keeps no ${digest}`);
  return file;
}

describe('an archive altered on the way', () => {
  const reasons: readonly (readonly [Tamper, RegExp])[] = [
    ['flip-a-byte', /the bytes have digest sha256:[0-9a-f]{64}, published was sha256:[0-9a-f]{64}/],
    ['cut-short', /only \d+ of the stated \d+ bytes/],
    ['add-a-byte', /more than the stated \d+ bytes/],
    ['replace', /only \d+ of the stated \d+ bytes/],
  ];
  it.each(reasons)(
    '(%s) is refused with the reason, and a sound one is taken afterwards',
    async (tamper, reason) => {
      const name = `way/${tamper}`;
      const packed = await suite.stack.publish({ name, source: saying('sound') });
      way.tamper = tamper;
      expect((await refusedInstall(name)).detail).toMatch(reason);
      await assertNothingKept(name, packed);
      way.tamper = undefined;
      await suite.stack.install('alice', name);
      expect(await (await suite.stack.run('alice', name)).text()).toBe('sound');
    },
  );

  it('changes nothing of a service whose other proxylets are sound', async () => {
    const { stack } = suite;
    await stack.deploy('alice', { name: 'suite/sound', source: saying('old') });
    await stack.publish({ name: 'suite/sound', version: '1.1.0', source: saying('new') });
    await stack.publish({ name: 'suite/other', source: saying('other') });
    await stack.registerService('suite/all', {
      version: '1.0.0',
      proxylets: { 'suite/sound': '^1.1', 'suite/other': '^1' },
    });
    way.tamper = 'flip-a-byte';
    await expect(stack.initialize('alice', 'suite/all')).rejects.toMatchObject({ code: 'artifact-corrupt' });
    expect(await (await stack.run('alice', 'suite/sound')).text()).toBe('old');
    await expectProblem(await stack.run('alice', 'suite/other'), 'not-installed');
  });
});

describe("an archive altered in the catalog's store", () => {
  it('is refused by its digest, and nothing is kept', async () => {
    const packed = await suite.stack.publish({ name: 'store/altered', source: saying('sound') });
    await flipBit(await presentFileOf('catalog', packed.digest));
    const { detail } = await refusedInstall('store/altered');
    expect(detail).toContain(`published was ${packed.digest}`);
    await assertNothingKept('store/altered', packed);
  });

  it('does not harm who has it already', async () => {
    const packed = await suite.stack.deploy('bob', { name: 'store/kept', source: saying('sound') });
    await flipBit(await presentFileOf('catalog', packed.digest));
    await suite.stack.engine.restart();
    expect(await (await suite.stack.run('bob', 'store/kept')).text()).toBe('sound');
  });
});

describe("an archive altered on the engine's disk", () => {
  it('is refused when it is to be run, and fetched anew by the next install', async () => {
    const { stack } = suite;
    const packed = await stack.deploy('alice', { name: 'disk/altered', source: saying('sound') });
    await stack.engine.stop();
    await flipBit(await presentFileOf('engine', packed.digest));
    await stack.engine.start();
    const problem = await expectProblem(await stack.run('alice', 'disk/altered'), 'artifact-corrupt');
    expect(problem.detail).toContain(`published was ${packed.digest}`);
    await expectProblem(await stack.run('alice', 'disk/altered'), 'artifact-corrupt');
    await stack.install('alice', 'disk/altered');
    expect(await (await stack.run('alice', 'disk/altered')).text()).toBe('sound');
    const bytes = await readFile(await presentFileOf('engine', packed.digest));
    expect(`sha256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(packed.digest);
  });

  it('is not handed to another user, whose install fetches it anew', async () => {
    const { stack } = suite;
    const packed = await stack.deploy('alice', { name: 'disk/shared', source: saying('sound') });
    const before = way.downloads.length;
    await flipBit(await presentFileOf('engine', packed.digest));
    await stack.install('bob', 'disk/shared');
    expect(way.downloads.slice(before)).toEqual([packed.digest]);
    expect(await (await stack.run('bob', 'disk/shared')).text()).toBe('sound');
  });
});
