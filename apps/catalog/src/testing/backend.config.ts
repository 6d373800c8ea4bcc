/** Where the catalogs under test keep what they have: the embedded forms, or PostgreSQL and an S3 server. */
export type TestBackend = 'embedded' | 'postgres-s3';

export function testBackend(environment: NodeJS.ProcessEnv = process.env): TestBackend {
  return environment['PROXYLET_TEST_BACKEND'] === 'postgres-s3' ? 'postgres-s3' : 'embedded';
}
