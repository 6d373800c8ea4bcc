import { Problem } from '@proxylet/contract';

/** @throws Problem `storage-unavailable` for whatever is not a problem already: a full disk, a broken file */
export async function onStorage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem('storage-unavailable', 'The disk of this engine cannot be written to at the moment.', {
      retryAfterSeconds: 10,
      cause: error,
    });
  }
}
