/** Of the test run's own environment only what a program needs to start: no setting of it reaches a service. */
const inherited = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'LANG', 'LC_ALL', 'SystemRoot'];

export function bareEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  return Object.fromEntries(
    inherited.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** What the test run tells its tests. */
export interface TestEnvironment {
  /** Process that the run begins and ends with: what is started for the run is started for it. */
  readonly runPid: string;
  /** Nothing may be left out. */
  readonly isCi: boolean;
  /** Addresses of servers that somebody else started. */
  readonly given: Readonly<Record<'postgres' | 'rgw', string | undefined>>;
}

export function testEnvironment(environment: NodeJS.ProcessEnv = process.env): TestEnvironment {
  return {
    runPid: environment['PROXYLET_TEST_RUN'] ?? String(process.pid),
    isCi: environment['CI'] === 'true',
    given: {
      postgres: environment['PROXYLET_TEST_POSTGRES_URL'] || undefined,
      rgw: environment['PROXYLET_TEST_S3_ENDPOINT'] || undefined,
    },
  };
}
