import { generateKeyPairSync } from 'node:crypto';
import { archiveOf } from './archives.js';
import type { Answer, Caller } from './catalog-under-test.js';
import { type Row, soon } from './rights-kinds.js';

//                       anon user frgn rdr  grp  pub  mnt  own  adm  eng  tok  tok-
const everybody = [401, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200];
const privateRead = [401, 404, 404, 200, 200, 200, 200, 200, 200, 200, 200, 404];
const publish = [401, 403, 403, 403, 403, 200, 200, 200, 200, 403, 200, 403];
/** What is taken in sets states and visibility, which is the owners' to decide. */
const takeIn = [401, 403, 403, 403, 403, 403, 403, 200, 200, 403, 403, 403];
const admins = [401, 403, 403, 403, 403, 403, 403, 403, 200, 403, 403, 403];
const creators = [401, 409, 409, 409, 409, 409, 409, 200, 409, 403, 403, 403];
const maintainers = [401, 403, 403, 403, 403, 403, 200, 200, 200, 403, 403, 403];
/** Of an admin's: to everybody else it is not there. */
const admin = [401, 404, 404, 404, 404, 404, 404, 404, 200, 403, 404, 404];
const nobody = Array.from({ length: 12 }, () => 401);

const as = (expected: readonly number[], status: number): number[] =>
  expected.map((one) => (one === 200 ? status : one));

const boundary = 'rights';
const form = (name: string, bytes: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="a"\r\n\r\n`),
    bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);

let openId = 'none';
/** One at a time, as a namespace may have few open. */
const openUpload = async (caller: Caller): Promise<Answer> => {
  await caller.delete(`/v1/uploads/${openId}`);
  const wish = { name: 'acme/priv', digest: `sha256:${'2'.repeat(64)}`, size: 100 };
  const opened = await caller.post('/v1/uploads', wish);
  openId = String(opened.body.id);
  return opened;
};
const upload = (prepared: Answer | undefined) => `/v1/uploads/${String(prepared?.body.id)}`;

const makeHook = (caller: Caller): Promise<Answer> =>
  caller.post('/v1/namespaces/acme/webhooks', { url: 'https://hooks.example.com/' });
const hook = (prepared: Answer | undefined) => `/v1/namespaces/acme/webhooks/${String(prepared?.body.id)}`;
/** Makes room for the next. */
const lastHook = async (caller: Caller): Promise<Answer> => {
  const listed = await caller.get('/v1/namespaces/acme/webhooks');
  for (const { id } of listed.body.items as { id: string }[])
    await caller.delete(`/v1/namespaces/acme/webhooks/${id}`);
  return await makeHook(caller);
};

const makeKey = (caller: Caller): Promise<Answer> => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ format: 'pem', type: 'spki' });
  return caller.post('/v1/namespaces/acme/keys', { publicKey: pem, label: 'of a test' });
};
const unsigned = {
  payloadType: 'application/vnd.in-toto+json',
  payload: 'e30=',
  signatures: [{ keyid: '0'.repeat(64), sig: 'AAAA' }],
};

const makeToken = (caller: Caller): Promise<Answer> =>
  caller.post('/v1/tokens', {
    label: 'of an admin',
    actions: ['read'],
    resources: ['acme/*'],
    expiresAt: soon(),
  });

/** Routes that make what has an id, that take more than JSON, or that are of the catalog as a whole. */
export const furtherRows: Row[] = [
  {
    route: 'GET /v1/tuf/{file} where it is not switched on',
    call: (caller) => caller.get('/v1/tuf/timestamp.json'),
    expected: as(everybody, 404),
  },
  {
    route: 'GET /v1/namespaces/acme/keys',
    call: (caller) => caller.get('/v1/namespaces/acme/keys'),
    expected: everybody,
  },
  { route: 'POST /v1/namespaces/acme/keys', call: makeKey, expected: as(takeIn, 201) },
  {
    route: 'PATCH /v1/namespaces/acme/keys/{id}',
    before: makeKey,
    call: (caller, _digests, prepared) =>
      caller.patch(`/v1/namespaces/acme/keys/${String(prepared?.body.keyId)}`, {
        state: 'retired',
        reason: 'a new one came',
      }),
    expected: takeIn,
  },
  {
    route: 'PUT /v1/proxylets/acme/priv/versions/1.0.0/signatures by no key',
    call: (caller) => caller.put('/v1/proxylets/acme/priv/versions/1.0.0/signatures', unsigned),
    expected: as([401, 404, 404, 403, 403, 200, 200, 200, 200, 403, 200, 403], 422),
  },
  {
    route: 'POST /v1/publications?dry-run=true',
    call: (caller) =>
      caller.sendPost(
        '/v1/publications?dry-run=true',
        form('acme/priv@3.0.0', archiveOf({ name: 'acme/priv', version: '3.0.0' })),
        { 'content-type': `multipart/form-data; boundary=${boundary}` },
      ),
    expected: publish,
  },
  {
    route: 'GET /v1/uploads/{id} of an admin',
    before: openUpload,
    call: (caller, _digests, prepared) => caller.get(upload(prepared)),
    expected: admin,
  },
  {
    route: 'PATCH /v1/uploads/{id} of an admin',
    before: openUpload,
    call: (caller, _digests, prepared) =>
      caller.sendPatch(upload(prepared), Buffer.from('part'), { 'upload-offset': '0' }),
    expected: admin,
  },
  {
    route: 'DELETE /v1/uploads/{id} of an admin',
    before: openUpload,
    call: (caller, _digests, prepared) => caller.delete(upload(prepared)),
    expected: as(admin, 204),
  },
  {
    route: 'PUT /v1/namespaces/acme',
    call: (caller) => caller.put('/v1/namespaces/acme'),
    expected: creators,
  },
  {
    route: 'POST /v1/namespaces/acme/webhooks',
    before: lastHook,
    call: makeHook,
    expected: as(maintainers, 201),
  },
  {
    route: 'GET /v1/namespaces/acme/webhooks/{id}',
    before: lastHook,
    call: (caller, _digests, prepared) => caller.get(hook(prepared)),
    expected: maintainers,
  },
  {
    route: 'PATCH /v1/namespaces/acme/webhooks/{id}',
    before: lastHook,
    call: (caller, _digests, prepared) => caller.patch(hook(prepared), { active: false }),
    expected: maintainers,
  },
  {
    route: 'GET /v1/namespaces/acme/webhooks/{id}/deliveries',
    before: lastHook,
    call: (caller, _digests, prepared) => caller.get(`${hook(prepared)}/deliveries`),
    expected: maintainers,
  },
  {
    route: 'POST /v1/namespaces/acme/webhooks/{id}/deliveries/{delivery}/replay',
    before: lastHook,
    call: (caller, _digests, prepared) => caller.post(`${hook(prepared)}/deliveries/none/replay`),
    expected: as(maintainers, 404),
  },
  {
    route: 'DELETE /v1/namespaces/acme/webhooks/{id}',
    before: lastHook,
    call: (caller, _digests, prepared) => caller.delete(hook(prepared)),
    expected: as(maintainers, 204),
  },
  {
    route: 'GET /v1/namespaces/other/webhooks/{id} with the id of another namespace',
    before: lastHook,
    call: (caller, _digests, prepared) =>
      caller.get(`/v1/namespaces/other/webhooks/${String(prepared?.body.id)}`),
    expected: [401, 403, 404, 403, 403, 403, 403, 403, 404, 403, 403, 403],
  },
  {
    route: 'DELETE /v1/tokens/{id} of an admin',
    before: makeToken,
    call: (caller, _digests, prepared) => caller.delete(`/v1/tokens/${String(prepared?.body.id)}`),
    expected: [401, 404, 404, 404, 404, 404, 404, 404, 204, 404, 403, 403],
  },
  {
    route: 'POST /v1/tokens/exchange with what is no identity token',
    call: (caller) => caller.post('/v1/tokens/exchange', { token: 'a.b.c' }),
    expected: nobody,
  },
  {
    route: 'GET /v1/export of what is private',
    call: (caller) => caller.download('/v1/export?proxylet=acme/priv'),
    expected: privateRead,
  },
  {
    route: 'GET /v1/export of what needs what is private',
    call: (caller) => caller.download('/v1/export?proxylet=acme/top'),
    expected: [401, 422, 422, 200, 200, 200, 200, 200, 200, 200, 200, 422],
  },
  {
    route: 'POST /v1/import?dry-run=true of what is private',
    before: (caller) => caller.download('/v1/export?proxylet=acme/priv'),
    call: (caller, _digests, prepared) =>
      caller.sendPost('/v1/import?dry-run=true', Buffer.from((prepared?.body ?? []) as Uint8Array), {
        'content-type': 'application/octet-stream',
      }),
    expected: takeIn,
  },
  { route: 'GET /v1/proxylets', call: (caller) => caller.get('/v1/proxylets'), expected: everybody },
  { route: 'GET /v1/audit/verify', call: (caller) => caller.get('/v1/audit/verify'), expected: admins },
  { route: 'GET /v1/audit/export', call: (caller) => caller.get('/v1/audit/export'), expected: admins },
];
