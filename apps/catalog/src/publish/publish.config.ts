import { defaultLimits } from '@proxylet/artifact';
import { setting, value } from '@proxylet/nest';

const gibibyte = 1024 ** 3;

/** Caps of one archive, defaults of a namespace's quota, and when the store is cleaned. */
export const publishSettings = {
  maxPackedBytes: setting({
    env: 'PROXYLET_CATALOG_MAX_PACKED_BYTES',
    type: value.int({ min: 1024, max: gibibyte }),
    default: String(defaultLimits.packedBytes),
    description: 'Largest archive as it is sent, bytes.',
  }),
  maxUnpackedBytes: setting({
    env: 'PROXYLET_CATALOG_MAX_UNPACKED_BYTES',
    type: value.int({ min: 1024, max: 4 * gibibyte }),
    default: String(defaultLimits.unpackedBytes),
    description: 'Largest archive unpacked, bytes.',
  }),
  maxFiles: setting({
    env: 'PROXYLET_CATALOG_MAX_FILES',
    type: value.int({ min: 2, max: 100_000 }),
    default: String(defaultLimits.entries),
    description: 'Most entries of one archive, folders included.',
  }),
  quotaBytes: setting({
    env: 'PROXYLET_CATALOG_QUOTA_BYTES',
    type: value.int({ min: 0 }),
    default: String(100 * gibibyte),
    description: 'Bytes of archives a namespace may have where an admin set nothing else for it.',
  }),
  quotaProxylets: setting({
    env: 'PROXYLET_CATALOG_QUOTA_PROXYLETS',
    type: value.int({ min: 0 }),
    default: '100000',
    description: 'Proxylets a namespace may have, likewise.',
  }),
  quotaVersions: setting({
    env: 'PROXYLET_CATALOG_QUOTA_VERSIONS',
    type: value.int({ min: 0 }),
    default: '1000000',
    description: 'Versions a namespace may have, likewise.',
  }),
  quotaPublishesPerHour: setting({
    env: 'PROXYLET_CATALOG_QUOTA_PUBLISHES_PER_HOUR',
    type: value.int({ min: 0 }),
    default: '1000000',
    description: 'Versions a namespace may publish within a clock hour, likewise.',
  }),
  quotaUploads: setting({
    env: 'PROXYLET_CATALOG_QUOTA_UPLOADS',
    type: value.int({ min: 0 }),
    default: '20',
    description: 'Resumable uploads a namespace may have open at once, likewise.',
  }),
  uploadHours: setting({
    env: 'PROXYLET_CATALOG_UPLOAD_HOURS',
    type: value.int({ min: 1, max: 720 }),
    default: '24',
    description: 'A resumable upload nothing was sent to for so many hours is forgotten.',
  }),
  cleanupMinutes: setting({
    env: 'PROXYLET_CATALOG_CLEANUP_MINUTES',
    type: value.int({ min: 0, max: 10_080 }),
    default: '60',
    description: 'Minutes between two clean-ups of the store; 0: only when an admin asks.',
  }),
  cleanupGraceMinutes: setting({
    env: 'PROXYLET_CATALOG_CLEANUP_GRACE_MINUTES',
    type: value.int({ min: 0, max: 10_080 }),
    default: '60',
    description: 'What nothing refers to stays in the store for so many minutes.',
  }),
};
