import { archiveOf } from './archives.js';
import type { Caller } from './catalog-under-test.js';
import { engineProfile, type Row, soon } from './rights-kinds.js';
import { furtherRows } from './rights-table-further.js';

//                       anon user frgn rdr  grp  pub  mnt  own  adm  eng  tok  tok-
export const publicRead = [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200];
const internalRead = [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 404];
const privateRead = [401, 404, 404, 200, 200, 200, 200, 200, 200, 200, 200, 404];
const privateResolve = [401, 422, 422, 200, 200, 200, 200, 200, 200, 200, 200, 422];
const publish = [401, 403, 403, 403, 403, 200, 200, 200, 200, 403, 200, 403];
const changeHidden = [401, 404, 404, 403, 403, 200, 200, 200, 200, 403, 200, 403];
const changeSeen = [401, 403, 403, 403, 403, 200, 200, 200, 200, 403, 200, 403];
const expose = [401, 404, 404, 403, 403, 403, 200, 200, 200, 403, 403, 403];
const owners = [401, 403, 403, 403, 403, 403, 403, 200, 200, 403, 403, 403];
const ownersRemove = owners.map((status) => (status === 200 ? 204 : status));
const admins = [401, 403, 403, 403, 403, 403, 403, 403, 200, 403, 403, 403];
const signedIn = [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 403, 403];

const readsOf = (name: string, expected: readonly number[]): Row[] => [
  ...[
    '',
    '/versions',
    '/versions/1.0.0',
    '/versions/1.0.0/readme',
    '/versions/1.0.0/history',
    '/versions/1.0.0/signatures',
    '/channels/next',
  ].map((rest) => ({
    route: `GET /v1/proxylets/${name}${rest}`,
    call: (caller: Caller) => caller.get(`/v1/proxylets/${name}${rest}`),
    expected,
  })),
  {
    route: `GET /v1/blobs/{digest of ${name}}`,
    call: (caller, digests) => caller.download(`/v1/blobs/${digests[name] ?? ''}`),
    expected,
  },
  {
    route: `HEAD /v1/blobs/{digest of ${name}}`,
    call: (caller, digests) => caller.head(`/v1/blobs/${digests[name] ?? ''}`),
    expected,
  },
  ...['', '/versions', '/versions/1.0.0'].map((rest) => ({
    route: `GET /v1/services/${name}${rest}`,
    call: (caller: Caller) => caller.get(`/v1/services/${name}${rest}`),
    expected,
  })),
  {
    route: `GET /v1/proxylets?service=${name}`,
    call: (caller) => caller.get(`/v1/proxylets?service=${name}`),
    expected,
  },
];

export const body = {
  member: { role: 'reader' },
  policy: {
    issuer: 'https://ci.example.com',
    audience: 'catalog',
    claims: { ref: 'main' },
    actions: ['publish'],
    proxylets: ['*'],
  },
};

export const rows: Row[] = [
  ...readsOf('acme/pub', publicRead),
  ...readsOf('acme/int', internalRead),
  ...readsOf('acme/priv', privateRead),
  ...(['proxylet', 'service'] as const).map((kind) => ({
    route: `POST /v1/resolve with a private ${kind}`,
    call: (caller: Caller) =>
      caller.post('/v1/resolve', { engine: engineProfile, wants: [{ [kind]: 'acme/priv' }] }),
    expected: privateResolve,
  })),
  {
    route: 'POST /v1/resolve with a private dependency',
    call: (caller) =>
      caller.post('/v1/resolve', { engine: engineProfile, wants: [{ proxylet: 'acme/top' }] }),
    expected: privateResolve,
  },
  {
    route: 'PUT /v1/proxylets/acme/priv/versions/2.0.0?dry-run=true',
    call: (caller) =>
      caller.send(
        '/v1/proxylets/acme/priv/versions/2.0.0?dry-run=true',
        archiveOf({ name: 'acme/priv', version: '2.0.0' }),
      ),
    expected: publish,
  },
  {
    route: 'PATCH /v1/proxylets/acme/priv/versions/1.0.0',
    call: (caller) =>
      caller.patch('/v1/proxylets/acme/priv/versions/1.0.0', { state: 'deprecated', reason: 'old' }),
    expected: changeHidden,
  },
  {
    route: 'PATCH /v1/proxylets/acme/pub/versions/1.0.0',
    call: (caller) =>
      caller.patch('/v1/proxylets/acme/pub/versions/1.0.0', { state: 'deprecated', reason: 'old' }),
    expected: changeSeen,
  },
  {
    route: 'PATCH /v1/proxylets/acme/none/versions/1.0.0',
    call: (caller) =>
      caller.patch('/v1/proxylets/acme/none/versions/1.0.0', { state: 'deprecated', reason: 'old' }),
    expected: [401, 404, 404, 404, 404, 404, 404, 404, 404, 403, 404, 403],
  },
  {
    route: 'PATCH …/versions/{v} to quarantined',
    call: (caller) =>
      caller.patch('/v1/proxylets/acme/held/versions/1.0.0', { state: 'quarantined', reason: 'looks bad' }),
    expected: admins,
  },
  {
    route: 'PATCH …/versions/{v} of a held version',
    before: (admin) =>
      admin.patch('/v1/proxylets/acme/held-too/versions/1.0.0', { state: 'quarantined', reason: 'bad' }),
    call: (caller) =>
      caller.patch('/v1/proxylets/acme/held-too/versions/1.0.0', { state: 'published', reason: 'let go' }),
    expected: admins,
  },
  {
    route: 'PUT /v1/proxylets/acme/priv/channels/next',
    call: (caller) => caller.put('/v1/proxylets/acme/priv/channels/next', { version: '1.0.0' }),
    expected: changeHidden,
  },
  {
    route: 'PATCH /v1/proxylets/acme/priv',
    call: (caller) => caller.patch('/v1/proxylets/acme/priv', { visibility: 'private', reason: 'stays' }),
    expected: expose,
  },
  {
    route: 'PUT /v1/services/acme/pub',
    call: (caller) =>
      caller.put('/v1/services/acme/pub', { version: '1.0.0', proxylets: { 'acme/pub': '*' } }),
    expected: publish,
  },
  {
    route: 'GET /v1/namespaces/acme',
    call: (caller) => caller.get('/v1/namespaces/acme'),
    expected: publicRead,
  },
  {
    route: 'PATCH /v1/namespaces/acme',
    call: (caller) =>
      caller.patch('/v1/namespaces/acme', { defaultVisibility: 'public', reason: 'as it is' }),
    expected: owners,
  },
  {
    route: 'PUT /v1/namespaces/acme/members/x',
    call: (caller) => caller.put('/v1/namespaces/acme/members/x', body.member),
    expected: owners,
  },
  {
    route: 'DELETE /v1/namespaces/acme/members/x',
    call: (caller) => caller.delete('/v1/namespaces/acme/members/x'),
    expected: ownersRemove,
  },
  {
    route: 'POST /v1/namespaces/acme/transfer',
    call: (caller) => caller.post('/v1/namespaces/acme/transfer', { to: 'olga', reason: 'to herself' }),
    expected: owners,
  },
  {
    route: 'GET …/trust-policies',
    call: (caller) => caller.get('/v1/namespaces/acme/trust-policies'),
    expected: owners,
  },
  {
    route: 'GET …/trust-policies/{id}',
    call: (caller) => caller.get('/v1/namespaces/acme/trust-policies/kept'),
    expected: owners,
  },
  {
    route: 'PUT …/trust-policies/{id}',
    call: (caller) => caller.put('/v1/namespaces/acme/trust-policies/kept', body.policy),
    expected: owners,
  },
  {
    route: 'DELETE …/trust-policies/{id}',
    call: (caller) => caller.delete('/v1/namespaces/acme/trust-policies/gone'),
    expected: ownersRemove,
  },
  {
    route: 'POST /v1/tokens to read',
    call: (caller) =>
      caller.post('/v1/tokens', { label: 't', actions: ['read'], resources: ['acme/*'], expiresAt: soon() }),
    expected: signedIn.map((status) => (status === 200 ? 201 : status)),
  },
  {
    route: 'POST /v1/tokens to publish',
    call: (caller) =>
      caller.post('/v1/tokens', {
        label: 't',
        actions: ['publish'],
        resources: ['acme/*'],
        expiresAt: soon(),
      }),
    expected: [401, 403, 403, 403, 403, 201, 201, 201, 403, 403, 403, 403],
  },
  {
    route: 'POST /v1/uploads',
    call: (caller) =>
      caller.post('/v1/uploads', { name: 'acme/priv', digest: `sha256:${'1'.repeat(64)}`, size: 100 }),
    expected: publish.map((status) => (status === 200 ? 201 : status)),
  },
  {
    route: 'GET /v1/namespaces/acme/quota',
    call: (caller) => caller.get('/v1/namespaces/acme/quota'),
    expected: publish,
  },
  {
    route: 'PUT /v1/namespaces/acme/quota',
    call: (caller) => caller.put('/v1/namespaces/acme/quota', { proxylets: 1000 }),
    expected: admins,
  },
  {
    route: 'POST /v1/admin/gc?dry-run=true',
    call: (caller) => caller.post('/v1/admin/gc?dry-run=true'),
    expected: admins,
  },
  {
    route: 'GET /v1/namespaces/acme/webhooks',
    call: (caller) => caller.get('/v1/namespaces/acme/webhooks'),
    expected: [401, 403, 403, 403, 403, 403, 200, 200, 200, 403, 403, 403],
  },
  {
    route: 'GET /v1/changes',
    call: (caller) => caller.get('/v1/changes?since=0'),
    expected: publicRead,
  },
  { route: 'GET /v1/audit', call: (caller) => caller.get('/v1/audit'), expected: admins },
  { route: 'GET /v1/tokens', call: (caller) => caller.get('/v1/tokens'), expected: signedIn },
  ...furtherRows,
];
