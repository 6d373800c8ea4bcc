import { join } from 'node:path';
import type { EngineConfig } from '../engine.config.js';
import { CacheStore } from './cache-store.js';

/** Opens the stored responses; a damaged file is begun anew, which the log says. */
export function openCache({
  config: { cacheMaxBytes: bytes, cacheTotalBytes: totalBytes },
  stateDir,
  log,
}: {
  readonly config: Pick<EngineConfig, 'cacheMaxBytes' | 'cacheTotalBytes'>;
  readonly stateDir: string;
  readonly log: { warn(fields: object, message: string): void };
}): CacheStore {
  const file = join(stateDir, 'cache.sqlite');
  return new CacheStore(file, { bytes, totalBytes }, () => {
    log.warn({ file }, 'the stored responses are damaged and begun anew');
  });
}
