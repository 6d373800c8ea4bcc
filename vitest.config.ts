import { defineConfig } from 'vitest/config';

/** Specs of the catalog that choose their databases and stores themselves, or need none. */
const oneBackendOnly = [
  'apps/catalog/src/start.int-spec.ts',
  'apps/catalog/src/publish/{bad-input,store-fault}.int-spec.ts',
  'apps/catalog/src/blob/blob-store.int-spec.ts',
  'apps/catalog/src/rights/{rights-migration,secrets-in-logs}.int-spec.ts',
  'apps/catalog/src/{bundle,database,ledger,mirror,operate,sealing,webhook}/*.int-spec.ts',
];

/**
 * One configuration for every level of test; `scripts/run.mjs test` builds first, so that a spec meets the
 * other packages through their built entry points and processes under test run what ships.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{libs,apps}/*/src/**/*.spec.ts', 'catalog-data/*/test/*.spec.ts'],
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['{libs,apps}/*/src/**/*.int-spec.ts', 'test/**/*.{int,e2e,hostile}-spec.ts'],
          testTimeout: 60_000,
          hookTimeout: 180_000,
          globalSetup: ['test/support/test-servers.setup.ts'],
          // Two cores: one file at a time keeps timings of limits honest.
          fileParallelism: false,
        },
      },
      {
        // The catalog's API once more, as a site with several replicas runs it.
        test: {
          name: 'scaled',
          include: ['apps/catalog/src/**/*.int-spec.ts'],
          exclude: oneBackendOnly,
          env: { PROXYLET_TEST_BACKEND: 'postgres-s3' },
          testTimeout: 60_000,
          hookTimeout: 180_000,
          globalSetup: ['test/support/test-servers.setup.ts'],
          fileParallelism: false,
        },
      },
    ],
  },
});
