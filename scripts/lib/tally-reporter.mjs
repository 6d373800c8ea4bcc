import { writeFileSync } from 'node:fs';

/** Vitest reporter that writes `{passed, failed}` to the file named in PROXYLET_TEST_TALLY. */
export default class TallyReporter {
  onTestRunEnd(modules, unhandledErrors) {
    let passed = 0;
    let failed = unhandledErrors.length;
    for (const module of modules) {
      let failedHere = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'failed') failedHere += 1;
      }
      // A file that cannot be loaded, or whose hooks fail, has no failing test of its own.
      failed += failedHere === 0 && module.state() === 'failed' ? 1 : failedHere;
    }
    writeFileSync(process.env.PROXYLET_TEST_TALLY, JSON.stringify({ passed, failed }));
  }
}
