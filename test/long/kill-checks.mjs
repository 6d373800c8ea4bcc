import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inWorkspace } from '@proxylet/testing';

const { FolderBlobStore } = await import(inWorkspace('apps/catalog/dist/blob/folder-blob-store.js'));
const { S3BlobStore } = await import(inWorkspace('apps/catalog/dist/blob/s3-blob-store.js'));
const { Database } = await import(inWorkspace('apps/catalog/dist/index.js'));

/** Rows that would be there without what they belong to, and sums that would not agree, each as a count. */
const orphanQueries = {
  'versions without a proxylet':
    'SELECT COUNT(*) AS n FROM version v LEFT JOIN proxylet p ON p.id = v.proxylet_id WHERE p.id IS NULL',
  'versions without bytes':
    "SELECT COUNT(*) AS n FROM version v LEFT JOIN blob b ON b.digest = v.digest WHERE b.state IS NULL OR b.state <> 'live'",
  'bytes without a version':
    "SELECT COUNT(*) AS n FROM blob b LEFT JOIN version v ON v.digest = b.digest WHERE v.id IS NULL AND b.state = 'live'",
  'proxylets without a version':
    'SELECT COUNT(*) AS n FROM proxylet p WHERE NOT EXISTS (SELECT 1 FROM version v WHERE v.proxylet_id = p.id)',
  'versions without a state':
    'SELECT COUNT(*) AS n FROM version v WHERE NOT EXISTS (SELECT 1 FROM version_state s WHERE s.version_id = v.id)',
  'versions without files':
    'SELECT COUNT(*) AS n FROM version v WHERE NOT EXISTS (SELECT 1 FROM version_file f WHERE f.version_id = v.id)',
  'files of no version':
    'SELECT COUNT(*) AS n FROM version_file f LEFT JOIN version v ON v.id = f.version_id WHERE v.id IS NULL',
  'versions without one audit entry':
    "SELECT ABS((SELECT COUNT(*) FROM version) - (SELECT COUNT(*) FROM audit WHERE action = 'version.publish')) AS n",
  'versions without one change':
    "SELECT ABS((SELECT COUNT(*) FROM version) - (SELECT COUNT(*) FROM change WHERE kind = 'version.published')) AS n",
  'versions not counted in the quota':
    'SELECT ABS((SELECT COUNT(*) FROM version) - (SELECT SUM(versions) FROM namespace_use)) AS n',
  'bytes not counted in the quota':
    'SELECT ABS((SELECT SUM(size_bytes) FROM version) - (SELECT SUM(bytes) FROM namespace_use)) AS n',
};

/** Looks at everything after the last kill; adds to `state.faults`. */
export async function checkAll(state, request) {
  const free = await checkVersions(state, request);
  const before = await list(state);
  const answer = await request(state, 'POST', '/v1/admin/gc?grace-minutes=0');
  if (answer.status !== 200) state.faults.push(`the clean-up was answered ${answer.status}: ${answer.text}`);
  const { orphans } = answer.status === 200 ? JSON.parse(answer.text) : {};
  await state.catalog.stop();
  const after = await list(state);
  const staged = await readdir(join(state.folder, 'staging'));
  if (staged.length > 0) state.faults.push(`left in staging: ${staged.join(', ')}`);
  await checkDatabase(state, after);
  return { free, objectsBeforeCleanup: before.length, orphans, objects: after.length };
}

/** Acknowledged versions are readable, byte for byte; the other numbers can be published. */
async function checkVersions(state, request) {
  let free = 0;
  for (const item of state.sent.values()) {
    const { name, version, bytes, digest, isAcknowledged } = item;
    const path = `/v1/proxylets/${name}/versions/${version}`;
    const metadata = await request(state, 'GET', path);
    const isThere = metadata.status === 200 && JSON.parse(metadata.text).digest === digest;
    if (isAcknowledged && !isThere) state.faults.push(`${name} ${version} is lost: ${metadata.status}`);
    if (!isThere && metadata.status !== 404) state.faults.push(`${name} ${version}: ${metadata.status}`);
    if (!isThere) {
      free += 1;
      const again = await request(state, 'PUT', path, bytes);
      if (again.status !== 201)
        state.faults.push(`${name} ${version} is not free: ${again.status} ${again.text}`);
    }
    const blob = await request(state, 'GET', `/v1/blobs/${digest}`);
    if (blob.status !== 200 || !blob.bytes.equals(bytes))
      state.faults.push(`the bytes of ${name} ${version} are not those that were sent: ${blob.status}`);
  }
  return free;
}

async function checkDatabase(state, keys) {
  const url = state.settings.PROXYLET_CATALOG_DATABASE_URL;
  const database = await Database.open({ url, folder: state.folder });
  try {
    for (const [what, query] of Object.entries(orphanQueries)) {
      const [{ n }] = await database.read.query(query);
      if (Number(n) !== 0) state.faults.push(`${n} ${what}`);
    }
    const rows = await database.read.query("SELECT storage_key FROM blob WHERE state = 'live'");
    const known = new Set(rows.map(({ storage_key }) => storage_key));
    const loose = keys.filter((key) => !known.has(key));
    if (loose.length > 0) state.faults.push(`the clean-up left ${loose.length} orphans: ${loose[0]}`);
    if (known.size !== keys.length - loose.length)
      state.faults.push(`${known.size} rows, ${keys.length} objects`);
  } finally {
    await database.close();
  }
}

async function list({ settings, folder }) {
  const endpoint = settings.PROXYLET_CATALOG_S3_ENDPOINT;
  const store =
    endpoint === undefined
      ? new FolderBlobStore(join(folder, 'blobs'))
      : new S3BlobStore({
          endpoint,
          bucket: settings.PROXYLET_CATALOG_S3_BUCKET,
          region: 'us-east-1',
          accessKey: settings.PROXYLET_CATALOG_S3_ACCESS_KEY,
          secretKey: settings.PROXYLET_CATALOG_S3_SECRET_KEY,
        });
  const keys = [];
  for await (const { key } of store.list('sha256/')) keys.push(key);
  return keys;
}
