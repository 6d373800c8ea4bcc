import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ServiceFault, sealingKey } from '@proxylet/nest';
import { KeyRing } from './key-ring.js';
import type { SealedSecret } from './sealed-secret.js';
import { SecretVault } from './secret-vault.js';

let folder: string;
let file: string;
let rows: SealedSecret[];
let openToOthers: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'proxylet-secrets-'));
  file = join(folder, 'secrets.key');
  rows = [];
  openToOthers = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const ring = (given: readonly Buffer[] = []) =>
  KeyRing.open({ file, given, onOpenToOthers: (path) => openToOthers.push(path) });

async function vaultWith(keys: KeyRing): Promise<SecretVault> {
  const vault = new SecretVault(keys, {
    secrets: () => Promise.resolve(rows),
    resealSecrets: (changed) => {
      rows = rows.map((row) => changed.find(({ name }) => name === row.name) ?? row);
      return Promise.resolve();
    },
  });
  await vault.load();
  return vault;
}

function set(vault: SecretVault, name: string, value: string): void {
  const row = vault.seal({ installationId: 'i1', name }, value, 'alice');
  rows = [...rows.filter((one) => one.name !== name), row];
  vault.apply({ save: [row], remove: [] });
}

test('the key file is made once, readable by its owner alone, and closed where it was open', async () => {
  const first = await ring();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await ring()).current.id).toBe(first.current.id);
  await chmod(file, 0o644);
  expect((await ring()).current.id).toBe(first.current.id);
  expect(openToOthers).toEqual([file]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test('a damaged key file stops the start and shows nothing of it', async () => {
  await writeFile(file, 'half-a-k');
  await expect(ring()).rejects.toThrow(ServiceFault);
  await expect(ring()).rejects.not.toThrow(/half/);
});

test('secrets outlive a rotation, and the old key is gone', async () => {
  const vault = await vaultWith(await ring());
  set(vault, 'A', 'one');
  set(vault, 'B', 'two');
  const before = await readFile(file, 'utf8');
  const { secrets, keyId } = await vault.rotate();
  expect([secrets, rows.map((row) => row.keyId)]).toEqual([2, [keyId, keyId]]);
  expect(await readFile(file, 'utf8')).not.toContain(before.trim());
  const again = await vaultWith(await ring());
  expect(again.values('i1', ['A', 'B', 'C'])).toEqual({ A: 'one', B: 'two' });
});

test('a rotation that died on its way is ended by the next start', async () => {
  const keys = await ring();
  set(await vaultWith(keys), 'A', 'one');
  await keys.begin();
  expect((await readFile(file, 'utf8')).trim().split('\n')).toHaveLength(2);
  const keysAfter = await ring();
  const vault = await vaultWith(keysAfter);
  expect(vault.values('i1', ['A'])).toEqual({ A: 'one' });
  expect(rows.map(({ keyId }) => keyId)).toEqual([keysAfter.current.id]);
});

test('keys of the configuration take over, and rotate by their order', async () => {
  set(await vaultWith(await ring()), 'A', 'one');
  const [old, fresh] = [randomBytes(32), randomBytes(32)];
  const vault = await vaultWith(await ring([old]));
  expect(rows[0]?.keyId).toBe(sealingKey(old).id);
  expect(() => vault.rotate()).toThrow(expect.objectContaining({ code: 'key-not-ours' }));
  await vaultWith(await ring([fresh, old]));
  expect((await vaultWith(await ring([fresh]))).values('i1', ['A'])).toEqual({ A: 'one' });
});

test('a secret whose key is lost counts as not set until it is set again', async () => {
  set(await vaultWith(await ring()), 'A', 'one');
  await rm(file);
  const vault = await vaultWith(await ring());
  expect([vault.unreadable, vault.values('i1', ['A'])]).toEqual([1, {}]);
  expect(vault.list('i1')).toMatchObject([{ name: 'A', isReadable: false }]);
  set(vault, 'A', 'again');
  expect([vault.unreadable, vault.values('i1', ['A'])]).toEqual([0, { A: 'again' }]);
});

test('values are taken out of log lines, the longer one first', async () => {
  const vault = await vaultWith(await ring());
  set(vault, 'A', 'hunter2');
  set(vault, 'B', 'hunter2-and-more');
  set(vault, 'C', 'abc');
  expect(vault.redact('i1', 'key hunter2-and-more, hunter2, abc')).toBe('key [secret B], [secret A], abc');
  expect(vault.redact('i2', 'hunter2')).toBe('hunter2');
});
