import { randomBytes } from 'node:crypto';
import { sharedServer } from '@proxylet/testing';
import { Client } from 'minio';

const accessKey = 'proxylet';
const secretKey = 'proxylet-secret';

export interface TestBucket extends AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** The same as settings of a catalog. */
  readonly settings: Readonly<Record<string, string>>;
}

const server = await sharedServer('rgw');

/** Whether this machine has an S3 server; false only where tests may be left out. */
export const hasS3 = server !== undefined;

/** A bucket of its own on the S3 server that all tests share; made by whoever uses it first. */
export function makeBucket(): TestBucket {
  if (server === undefined) throw new Error('there is no S3 server on this machine');
  const bucket = `test-${randomBytes(6).toString('hex')}`;
  const region = 'us-east-1';
  return {
    endpoint: server,
    bucket,
    region,
    accessKey,
    secretKey,
    settings: {
      PROXYLET_CATALOG_S3_ENDPOINT: server,
      PROXYLET_CATALOG_S3_BUCKET: bucket,
      PROXYLET_CATALOG_S3_REGION: region,
      PROXYLET_CATALOG_S3_ACCESS_KEY: accessKey,
      PROXYLET_CATALOG_S3_SECRET_KEY: secretKey,
    },
    [Symbol.asyncDispose]: () => removeBucket(server, bucket),
  };
}

async function removeBucket(endpoint: string, bucket: string): Promise<void> {
  const client = clientOf(endpoint);
  if (!(await client.bucketExists(bucket))) return;
  const names = await namesIn(client, bucket);
  for (let at = 0; at < names.length; at += 1000)
    await client.removeObjects(bucket, names.slice(at, at + 1000));
  await client.removeBucket(bucket);
}

function clientOf(endpoint: string): Client {
  const { hostname, port } = new URL(endpoint);
  const address = { endPoint: hostname, port: Number(port), useSSL: false, region: 'us-east-1' };
  return new Client({ ...address, accessKey, secretKey, pathStyle: true });
}

async function namesIn(client: Client, bucket: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of client.listObjectsV2(bucket, '', true) as AsyncIterable<{ name: string }>)
    names.push(name);
  return names;
}

/** What `rclone copy` or `aws s3 sync` do: everything that is in one bucket, into another. */
export async function copyBucket(from: TestBucket, to: TestBucket): Promise<void> {
  const client = clientOf(from.endpoint);
  await client.makeBucket(to.bucket, to.region);
  for (const name of await namesIn(client, from.bucket))
    await client.copyObject(to.bucket, name, `/${from.bucket}/${name}`);
}
