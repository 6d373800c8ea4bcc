import { Problem } from '@proxylet/contract';
import type { Guest, GuestRequest, Sandbox } from '@proxylet/sandbox';
import { expect, it } from 'vitest';
import type { Active } from '../installations/active.js';
import { GuardedSandbox } from './guarded-sandbox.js';

const guest = { id: 'i1.1' } as Guest;

function guarded(secrets: readonly string[], fault: Error): GuardedSandbox {
  const sandbox = { invoke: () => Promise.reject(fault) } as unknown as Sandbox;
  return new GuardedSandbox(sandbox, {
    find: (id) =>
      id === guest.id ? ({ record: { id: 'i1', manifest: { secrets } } } as unknown as Active) : undefined,
    quarantine: { refusal: () => undefined },
    cpu: { refusal: () => undefined },
    vault: { redact: (_, text) => text.replace('s3cr3t-key', '[secret API_KEY]') },
  });
}

const leak = new Problem('proxylet-threw', 'Error: GET /?key=s3cr3t-key failed', { retryAfterSeconds: 3 });

it('keeps secrets out of what a failure tells the caller', async () => {
  const failed = guarded(['API_KEY'], leak).invoke(guest, {} as GuestRequest);
  await expect(failed).rejects.toMatchObject({
    code: 'proxylet-threw',
    detail: 'Error: GET /?key=[secret API_KEY] failed',
    retryAfterSeconds: 3,
  });
});

it('leaves other failures as they are', async () => {
  const other = new Error('not ours');
  await expect(guarded(['API_KEY'], other).invoke(guest, {} as GuestRequest)).rejects.toBe(other);
  await expect(guarded([], leak).invoke(guest, {} as GuestRequest)).rejects.toBe(leak);
});

it('runs nothing for an installation that is gone', async () => {
  const gone = { id: 'i2.1' } as Guest;
  await expect(guarded([], leak).invoke(gone, {} as GuestRequest)).rejects.toMatchObject({
    code: 'not-installed',
  });
});
