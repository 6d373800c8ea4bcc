import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseManifest } from '@proxylet/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Installation } from '../installations/installation.js';
import { EngineStore } from './engine-store.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'proxylet-store-'));
  file = join(folder, 'engine.sqlite');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function installation(id: string, more: Partial<Installation> = {}): Installation {
  return {
    id,
    owner: { key: `user|i|${id}`, issuer: 'i', subject: id },
    name: 'acme/thumb',
    version: '1.0.0',
    digest: `sha256:${'0'.repeat(64)}`,
    sizeBytes: 7,
    generation: 1,
    manifest: parseManifest({
      name: 'acme/thumb',
      version: '1.0.0',
      runtime: { type: 'isolate', version: '^1' },
    }),
    granted: { capabilities: ['kv'], fetch: [], topics: { subscribe: [], publish: [] }, secrets: [] },
    config: undefined,
    consentedBy: 'user|i|a',
    isDirect: true,
    services: ['acme/suite'],
    state: 'running',
    reason: 'installed',
    sinceMs: 1,
    previous: undefined,
    createdAtMs: 1,
    updatedAtMs: 1,
    ...more,
  };
}

test('gives back what was saved, in the next process too', async () => {
  const full = installation('a', {
    config: { broker: 'b' },
    previous: { version: '0.9.0', digest: `sha256:${'1'.repeat(64)}` },
  });
  {
    await using store = await EngineStore.open(file);
    await store.change({ save: [full, installation('b')] });
  }
  await using again = await EngineStore.open(file);
  const found = await again.installations();
  expect(found).toEqual(expect.arrayContaining([full, installation('b')]));
  expect(found).toHaveLength(2);
});

test('a change is made whole or not at all', async () => {
  await using store = await EngineStore.open(file);
  await store.change({ save: [installation('a')] });
  const clash = installation('c', { owner: installation('a').owner });
  const change = store.change({ save: [installation('b'), clash] });
  await expect(change).rejects.toMatchObject({ code: 'storage-unavailable' });
  expect((await store.installations()).map(({ id }) => id)).toEqual(['a']);
  await store.change({ save: [clash], remove: ['a'] });
  expect((await store.installations()).map(({ id }) => id)).toEqual(['c']);
});

const rule = (n: number) => ({
  origin: `http://10.0.0.${n}`,
  proxylets: ['acme/*'],
  changedBy: 'adam',
  changedAtMs: n,
});

test('many changes at once do not meet in one transaction', async () => {
  await using store = await EngineStore.open(file);
  const changes = Array.from({ length: 40 }, (_, n) => [
    store.change({ save: [installation(`i${n}`)] }),
    store.saveEgressRule(rule(n)),
  ]);
  await Promise.all(changes.flat());
  expect(await store.installations()).toHaveLength(40);
  expect(await store.egressRules()).toHaveLength(40);
  await store.saveEgressRule({ ...rule(1), proxylets: ['acme/one'] });
  await store.deleteEgressRule('http://10.0.0.2');
  const rules = await store.egressRules();
  expect(rules).toHaveLength(39);
  expect(rules.find(({ origin }) => origin === 'http://10.0.0.1')?.proxylets).toEqual(['acme/one']);
});
