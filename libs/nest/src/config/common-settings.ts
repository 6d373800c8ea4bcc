import { issuerListSchema } from '@proxylet/auth';
import { z } from 'zod';
import { isAddressRange } from '../http/address-ranges.js';
import { type ConfigOf, setting, value } from './settings.js';

const origin = z
  .string()
  .refine(
    (text) => URL.canParse(text) && new URL(text).origin === text,
    'must be an origin such as https://app.example.org',
  );
const hostName = z
  .string()
  .regex(/^(?:\*|[a-z0-9](?:[a-z0-9.-]{0,252}))$/, 'must be a host name in lower case without port, or *');

export interface CommonSettingsOptions {
  /** Middle part of the variables' names: `CATALOG`. */
  readonly app: 'CATALOG' | 'ENGINE';
  readonly port: number;
  /** Default audience; left out where the service computes its own. */
  readonly audience?: string;
}

/** The options every Proxylet service has. */
export function commonSettings({ app, port, audience }: CommonSettingsOptions) {
  const prefix = `PROXYLET_${app}` as const;
  return {
    host: setting({
      env: `${prefix}_HOST`,
      type: value.text({ max: 255 }),
      default: '127.0.0.1',
      description: 'Address to listen on.',
    }),
    port: setting({
      env: `${prefix}_PORT`,
      type: value.int({ max: 65_535 }),
      default: String(port),
      description: 'Port to listen on; 0 takes a free one.',
    }),
    publicUrl: setting({
      env: `${prefix}_PUBLIC_URL`,
      type: value.url(),
      optional: true,
      defaultText: 'http://<host>:<port>',
      description: 'Address under which clients reach this service.',
    }),
    tlsCertPath: setting({
      env: `${prefix}_TLS_CERT_PATH`,
      type: value.path(),
      optional: true,
      defaultText: 'none: plain HTTP',
      description:
        'PEM file with the certificate this service shows, followed by those between it and the root. A renewed one is taken without a restart.',
    }),
    tlsKeyPath: setting({
      env: `${prefix}_TLS_KEY_PATH`,
      type: value.path(),
      optional: true,
      defaultText: 'none',
      description: 'PEM file with the key of that certificate.',
    }),
    audience: setting<string | undefined>({
      env: `${prefix}_AUDIENCE`,
      type: value.text({ max: 512 }),
      ...(audience === undefined
        ? { optional: true as const, defaultText: 'computed from the identity of the service' }
        : { default: audience }),
      description: 'The `aud` an access token for this service carries.',
    }),
    issuers: setting({
      env: 'PROXYLET_AUTH_ISSUERS',
      type: value.json(issuerListSchema),
      default: '[{"issuer":"http://127.0.0.1:7090"}]',
      file: true,
      description: 'JSON list of the identity managers whose tokens are accepted.',
    }),
    revocationsKey: setting({
      env: 'PROXYLET_REVOCATIONS_KEY',
      type: value.text(),
      optional: true,
      file: true,
      defaultText: 'none: nothing is revoked but by the end of tokens',
      description:
        'Ed25519 public key (PEM) that the list of revoked tokens, users, clients and keys is signed with.',
    }),
    revocationsUrl: setting({
      env: 'PROXYLET_REVOCATIONS_URL',
      type: value.url(),
      optional: true,
      defaultText: 'only `issuer-keys/revocations.jws` in the state folder of the service',
      description: 'Where that list is fetched every minute.',
    }),
    revocationsMaxAgeHours: setting({
      env: 'PROXYLET_REVOCATIONS_MAX_AGE_HOURS',
      type: value.int({ max: 87_600 }),
      default: '0',
      description: 'Age of that list from which on nobody is let in; 0 uses it however old it is.',
    }),
    corsOrigins: setting({
      env: `${prefix}_CORS_ORIGINS`,
      type: value.json(z.array(origin).max(100)),
      default: '[]',
      description: 'JSON list of the web origins whose pages may call this service; matched exactly.',
    }),
    allowedHosts: setting({
      env: `${prefix}_ALLOWED_HOSTS`,
      type: value.json(z.array(hostName).max(100)),
      default: '[]',
      description:
        'JSON list of further names in the `Host` header; IP addresses, localhost and the public address are always answered, `["*"]` answers all.',
    }),
    trustedProxies: setting({
      env: `${prefix}_TRUSTED_PROXIES`,
      type: value.json(
        z
          .array(z.string().refine(isAddressRange, 'must be an address or a range such as 10.0.0.0/8'))
          .max(100),
      ),
      default: '[]',
      description:
        'JSON list of addresses and ranges of proxies in front of this service; from these alone `X-Forwarded-For` is believed.',
    }),
    ratePerAddress: setting({
      env: `${prefix}_RATE_PER_ADDRESS`,
      type: value.int({ max: 100_000_000 }),
      default: '0',
      description:
        'Most requests a minute from one address (IPv6: one /64); 0 takes as many as come. Set it where strangers reach this service.',
    }),
    ratePerPrincipal: setting({
      env: `${prefix}_RATE_PER_PRINCIPAL`,
      type: value.int({ max: 100_000_000 }),
      default: '0',
      description:
        'Most requests a minute of one user or client, whatever address they come from; 0 takes all.',
    }),
    refusalsPerAddress: setting({
      env: `${prefix}_REFUSALS_PER_ADDRESS`,
      type: value.int({ max: 100_000_000 }),
      default: '6000',
      description:
        'Bad tokens a minute from one address after which no unknown token from there is looked at; known ones are served on. 0 looks at all.',
    }),
    maxConnections: setting({
      env: `${prefix}_MAX_CONNECTIONS`,
      type: value.int({ min: 10, max: 1_000_000 }),
      default: '10000',
      description: 'Most connections at once; further ones are closed.',
    }),
    stateDir: setting({
      env: 'PROXYLET_STATE_DIR',
      type: value.path(),
      default: 'var',
      description: 'Folder for everything that is kept; each service has its own below it.',
    }),
    logLevel: setting({
      env: 'PROXYLET_LOG_LEVEL',
      type: value.oneOf('debug', 'info', 'warn', 'error', 'silent'),
      default: 'info',
      description: 'Least important log line that is written (JSON on standard error).',
    }),
    exitWithParent: setting({
      env: 'PROXYLET_EXIT_WITH_PARENT',
      type: value.flag(),
      default: 'false',
      description: 'Stop when standard input closes; set by the launcher, so that no orphan stays.',
    }),
    gitHash: setting({
      env: 'PROXYLET_GIT_HASH',
      type: value.text({ max: 64 }),
      default: 'unknown',
      description: 'Commit this was built from, shown by /version; set by the image build.',
    }),
    releaseDate: setting({
      env: 'PROXYLET_RELEASE_DATE',
      type: value.text({ max: 64 }),
      default: 'unknown',
      description: 'Date of the release, shown by /version; set by the image build.',
    }),
  };
}

export type CommonConfig = ConfigOf<ReturnType<typeof commonSettings>>;
