import { testBackend } from './backend.config.js';

export interface BackendOfTest extends AsyncDisposable {
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Database and bucket for a catalog under test, where the run wants PostgreSQL and S3; what the test's own settings
 * choose stays theirs.
 */
export async function backendOf(own: Readonly<Record<string, string>>): Promise<BackendOfTest> {
  const stack = new AsyncDisposableStack();
  const settings: Record<string, string> = {};
  if (testBackend() === 'postgres-s3' && own['PROXYLET_CATALOG_DATABASE_URL'] === undefined) {
    const { startMigrated } = await import('./postgres.js');
    settings['PROXYLET_CATALOG_DATABASE_URL'] = stack.use(await startMigrated()).url;
  }
  if (testBackend() === 'postgres-s3' && own['PROXYLET_CATALOG_S3_ENDPOINT'] === undefined) {
    const { makeBucket } = await import('./bucket.js');
    Object.assign(settings, stack.use(makeBucket()).settings);
  }
  return { settings, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}
