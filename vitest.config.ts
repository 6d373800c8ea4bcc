import { defineConfig } from 'vitest/config';

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
          // Two cores: one file at a time keeps timings of limits honest.
          fileParallelism: false,
        },
      },
    ],
  },
});
