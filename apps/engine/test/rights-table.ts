import type { TestEngine } from './test-engine.js';

const engineScopes = 'engine:invoke engine:install engine:manage engine:admin';

/** Every kind of caller of an engine, in the order of the columns below. Alice is the one who installed `acme/echo`. */
export const callers = {
  nobody: () => '',
  'of the catalog': ({ issuer }) =>
    issuer.token({
      sub: 'alice',
      aud: 'urn:proxylet:catalog',
      scope: engineScopes,
      roles: ['platform-admin'],
    }),
  'without a scope of engines': (engine) =>
    engine.token('alice', 'catalog:read catalog:admin', ['platform-admin']),
  'caller only': (engine) => engine.token('alice', 'engine:invoke'),
  owner: (engine) => engine.token('alice'),
  'other user': (engine) => engine.token('bob'),
  'client of the name alice': ({ issuer }) =>
    issuer.token({
      sub: 'alice',
      client_id: 'alice',
      aud: 'urn:proxylet:engine:local',
      scope: 'engine:invoke engine:install',
    }),
  operator: (engine) => engine.token('olaf', 'engine:manage engine:admin', ['gateway-operator']),
  'scopes without a role': (engine) => engine.token('mallory', engineScopes, ['user']),
  'role without scopes': (engine) =>
    engine.token('adam', 'engine:invoke', ['platform-admin', 'gateway-operator']),
  admin: (engine) => engine.admin(),
} satisfies Record<string, (engine: TestEngine) => string>;

export type CallerKind = keyof typeof callers;
export const callerKinds = Object.keys(callers) as CallerKind[];

export interface RightsRow {
  /** As the description of the API says it. */
  readonly route: string;
  /** Address of the call; by default that of the route, with what Alice installed. */
  readonly path?: string;
  readonly body?: unknown;
  /** What Alice does before each call, so that all callers find the same. */
  readonly before?: (engine: TestEngine) => Promise<unknown>;
  /** Statuses in the order of `callerKinds`. */
  readonly expected: readonly number[];
}

//                none  cat nScp  inv  own  oth clnt oper nRol nScp  adm
const listed = [401, 401, 403, 200, 200, 200, 200, 200, 200, 200, 200];
const read = [401, 401, 403, 200, 200, 404, 404, 404, 404, 404, 404];
const readWithoutAdmin = [401, 401, 403, 200, 200, 404, 404, 404, 404, 404, 404];
const change = [401, 401, 403, 403, 200, 404, 404, 404, 404, 403, 404];
const makeOwn = [401, 401, 403, 403, 201, 201, 201, 201, 201, 403, 201];
const call = [401, 401, 403, 200, 200, 404, 404, 403, 404, 404, 404];
/** Each hears and says what its own installations could. */
const ownTopics = [401, 401, 403, 200, 200, 200, 200, 403, 200, 200, 200];
const admins = [401, 401, 403, 403, 403, 403, 403, 200, 403, 403, 200];
const as = (expected: readonly number[], from: number, to: number): number[] =>
  expected.map((status) => (status === from ? to : status));

const origin = 'http://127.0.0.1:9';
const installed = '/v1/installations/{ns}/{name}';
const openOrigin = (engine: TestEngine) =>
  engine.call('PUT', '/v1/admin/egress', { token: engine.admin(), body: { origin, proxylets: ['acme/*'] } });
const install = (engine: TestEngine) => engine.install('acme/echo');
const putSecret = (engine: TestEngine) =>
  engine.call('PUT', '/v1/installations/acme/echo/secrets/KEY', { body: { value: 'top secret' } });

export const rightsRows: readonly RightsRow[] = [
  { route: 'GET /v1/installations', expected: listed },
  { route: `GET ${installed}`, expected: read },
  {
    route: `PUT ${installed}`,
    path: '/v1/installations/acme/fresh',
    body: { consent: true },
    expected: makeOwn,
  },
  { route: `DELETE ${installed}`, before: install, expected: as(change, 200, 204) },
  { route: `GET ${installed}/config`, before: install, expected: change },
  { route: `PUT ${installed}/config`, body: { config: { size: 1 } }, expected: change },
  { route: `GET ${installed}/logs`, expected: readWithoutAdmin },
  { route: `GET ${installed}/schedule`, expected: read },
  { route: `GET ${installed}/secrets`, expected: change },
  { route: `PUT ${installed}/secrets/{secret}`, body: { value: 'top secret' }, expected: change },
  { route: `DELETE ${installed}/secrets/{secret}`, before: putSecret, expected: as(change, 200, 204) },
  {
    route: 'POST /v1/services/{ns}/{name}/initialize',
    path: '/v1/services/acme/all/initialize',
    body: { consent: true },
    expected: as(makeOwn, 201, 200),
  },
  { route: 'GET /v1/admin/installations', expected: admins },
  {
    route: 'POST /v1/admin/installations/{id}/release',
    path: '/v1/admin/installations/00000000-0000-4000-8000-000000000000/release',
    expected: as(admins, 200, 404),
  },
  { route: 'GET /v1/admin/runners', expected: admins },
  { route: 'POST /v1/admin/secrets/rotate', expected: admins },
  { route: 'GET /v1/admin/egress', expected: admins },
  { route: 'PUT /v1/admin/egress', body: { origin, proxylets: ['acme/*'] }, expected: admins },
  {
    route: 'DELETE /v1/admin/egress',
    path: `/v1/admin/egress?origin=${encodeURIComponent(origin)}`,
    before: openOrigin,
    expected: as(admins, 200, 204),
  },
  { route: 'GET /v1/topics/{filter}', path: '/v1/topics/totals', expected: ownTopics },
  {
    route: 'POST /v1/topics/{topic}',
    path: '/v1/topics/totals',
    body: { total: 1 },
    expected: as(ownTopics, 200, 202),
  },
  { route: 'GET /run/{ns}/{name}/', expected: call },
  { route: 'DELETE /run/{ns}/{name}/', expected: call },
];

/** What needs no token, and is all that needs none. */
export const publicRoutes = [
  'GET /.well-known/oauth-protected-resource',
  'GET /.well-known/proxylet-engine',
  'GET /docs',
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
  'GET /openapi.json',
  'POST /v1/admin/break-glass',
  'GET /version',
];
