import { commonSettings, type ConfigOf, loadConfig, setting, value } from '@proxylet/nest';
import { z } from 'zod';
import { isolateSettings } from './limits/isolate-settings.js';

/** Capabilities this engine has built in; a setting can only take some away. */
export const builtCapabilities = ['cache', 'kv', 'schedule', 'secrets', 'topics', 'wasm'] as const;

const megabyte = 1024 * 1024;

const capabilities = z.array(z.enum(builtCapabilities, `must be among ${builtCapabilities.join(', ')}`));

const userIds = value.text({ max: 30 }).transform((text, context): readonly [number, number] => {
  const [, first, last] = (/^(\d{1,9})-(\d{1,9})$/.exec(text) ?? []).map(Number);
  if (first === undefined || last === undefined || first < 1 || last < first) {
    context.addIssue({ code: 'custom', message: 'must be two user ids with a hyphen, such as 59000-59255' });
    return z.NEVER;
  }
  return [first, last];
});

export const engineSettings = {
  ...commonSettings({ app: 'ENGINE', port: 7080 }),
  id: setting({
    env: 'PROXYLET_ENGINE_ID',
    type: value.text({ max: 64 }).refine((text) => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text), {
      message: 'must hold lower-case letters, digits and single hyphens',
    }),
    default: 'local',
    description: 'Name of this engine; its audience is `urn:proxylet:engine:<id>` unless one is set.',
  }),
  catalogUrl: setting({
    env: 'PROXYLET_ENGINE_CATALOG_URL',
    type: value.url(),
    default: 'http://127.0.0.1:7070',
    description: 'Catalog that proxylets come from.',
  }),
  catalogAudience: setting({
    env: 'PROXYLET_CATALOG_AUDIENCE',
    type: value.text({ max: 512 }),
    default: 'urn:proxylet:catalog',
    description: 'The `aud` of access tokens for the catalog.',
  }),
  clientId: setting({
    env: 'PROXYLET_ENGINE_CLIENT_ID',
    type: value.text({ max: 255 }),
    default: 'engine-local',
    description: 'OAuth client this engine is at the identity manager; it reads the catalog with it.',
  }),
  clientSecret: setting({
    env: 'PROXYLET_ENGINE_CLIENT_SECRET',
    type: value.text({ max: 1024 }),
    optional: true,
    secret: true,
    defaultText: 'none: installing from the catalog is refused',
    description: 'Secret of that client.',
  }),
  tokenUrl: setting({
    env: 'PROXYLET_ENGINE_TOKEN_URL',
    type: value.url(),
    optional: true,
    defaultText: 'found by discovery at the first issuer',
    description: 'Token endpoint that gives this engine its catalog tokens.',
  }),
  catalogTimeoutMs: setting({
    env: 'PROXYLET_ENGINE_CATALOG_TIMEOUT_MS',
    type: value.int({ min: 100, max: 600_000 }),
    default: '30000',
    description: 'Longest wait for the catalog to begin an answer and to go on with it, ms.',
  }),
  isolation: setting({
    env: 'PROXYLET_ENGINE_ISOLATION',
    type: value.oneOf('shared', 'namespace', 'installation'),
    default: 'namespace',
    description: 'Which installations share a runner process: all, those of one publisher, or none.',
  }),
  capabilities: setting({
    env: 'PROXYLET_ENGINE_CAPABILITIES',
    type: value.json(capabilities),
    default: JSON.stringify(builtCapabilities),
    description: 'JSON list of the capabilities that proxylets may use here.',
  }),
  maxMemoryMb: setting({
    env: 'PROXYLET_ENGINE_MAX_MEMORY_MB',
    type: value.int({ min: 8, max: 4096 }),
    default: '256',
    description: 'Most memory a proxylet may ask for, MB.',
  }),
  maxCpuMs: setting({
    env: 'PROXYLET_ENGINE_MAX_CPU_MS',
    type: value.int({ min: 1, max: 600_000 }),
    default: '30000',
    description: 'Most CPU time per call a proxylet may ask for, ms.',
  }),
  maxTimeoutMs: setting({
    env: 'PROXYLET_ENGINE_MAX_TIMEOUT_MS',
    type: value.int({ min: 1, max: 3_600_000 }),
    default: '120000',
    description: 'Most wall time per call a proxylet may ask for, ms.',
  }),
  maxBodyBytes: setting({
    env: 'PROXYLET_ENGINE_MAX_BODY_BYTES',
    type: value.int({ min: 1024, max: 4 * 1024 * megabyte }),
    default: String(64 * megabyte),
    description: 'Largest body of a call and of its answer, bytes.',
  }),
  defaultMemoryMb: setting({
    env: 'PROXYLET_ENGINE_DEFAULT_MEMORY_MB',
    type: value.int({ min: 8, max: 4096 }),
    default: '64',
    description: 'Memory of a proxylet whose manifest names none, MB.',
  }),
  defaultCpuMs: setting({
    env: 'PROXYLET_ENGINE_DEFAULT_CPU_MS',
    type: value.int({ min: 1, max: 600_000 }),
    default: '1000',
    description: 'CPU time per call where the manifest names none, ms.',
  }),
  defaultTimeoutMs: setting({
    env: 'PROXYLET_ENGINE_DEFAULT_TIMEOUT_MS',
    type: value.int({ min: 1, max: 3_600_000 }),
    default: '30000',
    description: 'Wall time per call where the manifest names none, ms.',
  }),
  maxSubrequests: setting({
    env: 'PROXYLET_ENGINE_MAX_SUBREQUESTS',
    type: value.int({ min: 0, max: 100_000 }),
    default: '200',
    description:
      'Requests that one call of a proxylet may make, to the outside and to other proxylets together.',
  }),
  runnerMemoryMb: setting({
    env: 'PROXYLET_ENGINE_RUNNER_MEMORY_MB',
    type: value.int({ min: 128, max: 65_536 }),
    default: '768',
    description: 'Resident memory above which a runner process is ended, MB.',
  }),
  runnerUids: setting({
    env: 'PROXYLET_ENGINE_RUNNER_UIDS',
    type: userIds,
    default: '59000-59255',
    description:
      'User ids of runner processes where the engine is root, first and last of a range that nobody else has; each runner gets its own.',
  }),
  runnerCgroup: setting({
    env: 'PROXYLET_ENGINE_RUNNER_CGROUP',
    type: value.text({ max: 4096 }),
    optional: true,
    defaultText: 'none: resident memory is watched by the engine',
    description:
      'Folder of cgroup v2 that is delegated to the engine and gives `memory` to its children: each runner gets a group in it with a hard limit.',
  }),
  maxRunners: setting({
    env: 'PROXYLET_ENGINE_MAX_RUNNERS',
    type: value.int({ min: 1, max: 1000 }),
    default: '64',
    description: 'Most runner processes at once.',
  }),
  cpuSharePercent: setting({
    env: 'PROXYLET_ENGINE_CPU_SHARE_PERCENT',
    type: value.int({ min: 1, max: 100_000 }),
    default: '80',
    description: 'CPU time that an installation may use over time, percent of one core.',
  }),
  cpuBurstMs: setting({
    env: 'PROXYLET_ENGINE_CPU_BURST_MS',
    type: value.int({ min: 100, max: 86_400_000 }),
    default: '10000',
    description: 'CPU time that an installation may save up and use at once, ms.',
  }),
  quarantineStrikes: setting({
    env: 'PROXYLET_ENGINE_QUARANTINE_STRIKES',
    type: value.int({ min: 1, max: 1000 }),
    default: '3',
    description: 'Runner processes a version of an installation may end before it is stopped for good.',
  }),
  quarantineWindowMs: setting({
    env: 'PROXYLET_ENGINE_QUARANTINE_WINDOW_MS',
    type: value.int({ min: 1000, max: 30 * 86_400_000 }),
    default: '600000',
    description: 'Time within which these count, ms.',
  }),
  ...isolateSettings,
  kvMaxBytes: setting({
    env: 'PROXYLET_ENGINE_KV_MAX_BYTES',
    type: value.int({ min: 0, max: 1024 * megabyte }),
    default: String(5 * megabyte),
    description: 'Key-value data per installation, keys and values together, bytes.',
  }),
  kvMaxKeys: setting({
    env: 'PROXYLET_ENGINE_KV_MAX_KEYS',
    type: value.int({ min: 0, max: 10_000_000 }),
    default: '10000',
    description: 'Keys per installation.',
  }),
  cacheMaxBytes: setting({
    env: 'PROXYLET_ENGINE_CACHE_MAX_BYTES',
    type: value.int({ min: 0, max: 1024 * 1024 * megabyte }),
    default: String(50 * megabyte),
    description: 'Stored responses per installation, bytes; what was not used for the longest time goes.',
  }),
  cacheTotalBytes: setting({
    env: 'PROXYLET_ENGINE_CACHE_TOTAL_BYTES',
    type: value.int({ min: 0, max: 1024 * 1024 * megabyte }),
    default: String(2048 * megabyte),
    description: 'Stored responses of all installations together, bytes.',
  }),
  scheduleJitterMs: setting({
    env: 'PROXYLET_ENGINE_SCHEDULE_JITTER_MS',
    type: value.int({ min: 0, max: 3_600_000 }),
    default: '5000',
    description: 'How long after its time a scheduled run may begin; spreads those due together, ms.',
  }),
  scheduleWindowMs: setting({
    env: 'PROXYLET_ENGINE_SCHEDULE_WINDOW_MS',
    type: value.int({ min: 0, max: 7 * 86_400_000 }),
    default: '3600000',
    description: 'How old a time that was missed may be to be made up for, once, ms.',
  }),
  scheduleConcurrency: setting({
    env: 'PROXYLET_ENGINE_SCHEDULE_CONCURRENCY',
    type: value.int({ min: 1, max: 1000 }),
    default: '4',
    description: 'Scheduled runs at once; further ones wait.',
  }),
  topicMaxBytes: setting({
    env: 'PROXYLET_ENGINE_TOPIC_MAX_BYTES',
    type: value.int({ min: 1, max: 16 * megabyte }),
    default: String(megabyte / 4),
    description: 'Largest message of a topic, bytes.',
  }),
  topicQueue: setting({
    env: 'PROXYLET_ENGINE_TOPIC_QUEUE',
    type: value.int({ min: 1, max: 100_000 }),
    default: '256',
    description:
      'Messages that wait for one installation at most; the oldest are dropped. Together they have 16 MB at most.',
  }),
  topicConcurrency: setting({
    env: 'PROXYLET_ENGINE_TOPIC_CONCURRENCY',
    type: value.int({ min: 1, max: 1000 }),
    default: '16',
    description: 'Messages handled at once by all installations together.',
  }),
  secretsKeys: setting({
    env: 'PROXYLET_ENGINE_SECRETS_KEY',
    type: value.sealingKeys(),
    optional: true,
    secret: true,
    defaultText: 'a key made at the first start, in the file `secrets.key` of the state folder',
    description:
      'Key that stored secrets of proxylets are sealed with: 32 bytes in base64. Further ones after a comma only open what they sealed before; at the start it is sealed anew with the first.',
  }),
  socketIdleMs: setting({
    env: 'PROXYLET_ENGINE_SOCKET_IDLE_MS',
    type: value.int({ min: 1000, max: 86_400_000 }),
    default: '300000',
    description: 'A WebSocket that carries no message for this long is closed, ms.',
  }),
  socketsPerInstallation: setting({
    env: 'PROXYLET_ENGINE_SOCKETS_PER_INSTALLATION',
    type: value.int({ min: 0, max: 100_000 }),
    default: '100',
    description: 'WebSockets that one installation may have open.',
  }),
  fetchMaxBytes: setting({
    env: 'PROXYLET_ENGINE_FETCH_MAX_BYTES',
    type: value.int({ min: 1024, max: 1024 * megabyte }),
    default: String(64 * megabyte),
    description: 'Largest answer that the `fetch` of a proxylet takes, bytes after decoding.',
  }),
  fetchConcurrency: setting({
    env: 'PROXYLET_ENGINE_FETCH_CONCURRENCY',
    type: value.int({ min: 1, max: 1000 }),
    default: '32',
    description: 'Requests of one installation to the outside at once; further ones wait.',
  }),
  fetchTimeoutMs: setting({
    env: 'PROXYLET_ENGINE_FETCH_TIMEOUT_MS',
    type: value.int({ min: 100, max: 600_000 }),
    default: '30000',
    description: 'Longest wait of a `fetch` for the answer to begin and to go on, ms.',
  }),
};

export type EngineConfig = ConfigOf<typeof engineSettings>;

/** @throws ConfigFault with every fault at once */
export function loadEngineConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
): EngineConfig {
  return loadConfig(engineSettings, env);
}

/** The `aud` of tokens for this engine. */
export function audienceOf({ audience, id }: EngineConfig): string {
  return audience ?? `urn:proxylet:engine:${id}`;
}

/** Limits of a call where a manifest names none; never more than the caps. */
export function defaultLimitsOf(config: EngineConfig): {
  memoryMb: number;
  cpuMs: number;
  timeoutMs: number;
} {
  return {
    memoryMb: Math.min(config.defaultMemoryMb, config.maxMemoryMb),
    cpuMs: Math.min(config.defaultCpuMs, config.maxCpuMs),
    timeoutMs: Math.min(config.defaultTimeoutMs, config.maxTimeoutMs),
  };
}
