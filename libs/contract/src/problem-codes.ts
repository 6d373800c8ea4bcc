/**
 * Every problem either server can answer with, listed once. The key is the stable wire `code`; clients branch on
 * it, so a code is never renamed or given another meaning. `docs/problems.md` is generated from this table.
 *
 * `blame` says whose fault it is (it decides alerts and metrics): `caller`, `guest` (the proxylet's code),
 * `operator` (configuration, disk, network of the box) or `us`.
 */
export const problemCodes = {
  'invalid-request': {
    status: 400,
    blame: 'caller',
    title: 'The request is not of the form this route takes',
  },
  'invalid-name': { status: 400, blame: 'caller', title: 'Not a valid namespace or proxylet name' },
  'invalid-version': { status: 400, blame: 'caller', title: 'Not a Semantic Versioning 2.0 version' },
  'invalid-range': { status: 400, blame: 'caller', title: 'Not a version range' },
  'invalid-tenant': { status: 400, blame: 'caller', title: 'Not a valid tenant header' },
  'no-credentials': { status: 401, blame: 'caller', title: 'An access token is needed' },
  'invalid-token': { status: 401, blame: 'caller', title: 'The access token is not valid here' },
  'token-expired': { status: 401, blame: 'caller', title: 'The publish token has expired' },
  'token-revoked': { status: 401, blame: 'caller', title: 'The publish token was revoked' },
  'token-reused': { status: 401, blame: 'caller', title: 'This token was exchanged before' },
  'token-address-refused': {
    status: 403,
    blame: 'caller',
    title: 'The publish token may not be used from this address',
  },
  'trust-policy-mismatch': { status: 403, blame: 'caller', title: 'No trust policy takes this token' },
  quarantined: { status: 403, blame: 'caller', title: 'The version is held by the platform' },
  'insufficient-scope': { status: 403, blame: 'caller', title: 'The access token lacks a scope' },
  forbidden: { status: 403, blame: 'caller', title: 'Not allowed for this principal' },
  'tenant-refused': {
    status: 403,
    blame: 'caller',
    title: 'The access token is not of that tenant',
  },
  'not-found': { status: 404, blame: 'caller', title: 'Nothing is found here' },
  'not-installed': { status: 404, blame: 'caller', title: 'You have no such installation on this engine' },
  'method-not-allowed': { status: 405, blame: 'caller', title: 'This route has no such method' },
  'not-acceptable': { status: 406, blame: 'caller', title: 'None of the accepted forms can be produced' },
  'request-timeout': { status: 408, blame: 'caller', title: 'The request did not arrive in time' },
  'version-exists': {
    status: 409,
    blame: 'caller',
    title: 'This version was published before with other content',
  },
  'namespace-taken': { status: 409, blame: 'caller', title: 'The namespace belongs to somebody else' },
  'namespace-reserved': { status: 409, blame: 'caller', title: 'The namespace is reserved' },
  'namespace-mirrored': {
    status: 409,
    blame: 'caller',
    title: 'The namespace is that of the upstream catalog',
  },
  'name-confusable': { status: 409, blame: 'caller', title: 'The name is too close to an existing one' },
  'consent-required': {
    status: 409,
    blame: 'caller',
    title: 'The proxylet asks for permissions not yet granted',
  },
  'idempotency-key-reused': {
    status: 409,
    blame: 'caller',
    title: 'This Idempotency-Key was used for another request',
  },
  'upload-offset-mismatch': {
    status: 409,
    blame: 'caller',
    title: 'The upload goes on at another offset',
  },
  'upload-incomplete': { status: 409, blame: 'caller', title: 'The upload has not all its bytes yet' },
  'installation-busy': {
    status: 409,
    blame: 'caller',
    title: 'Another change of this installation is under way',
  },
  'key-not-ours': {
    status: 409,
    blame: 'caller',
    title: 'The key is set by the configuration of the engine',
  },
  'in-use': { status: 409, blame: 'caller', title: 'Still in use' },
  'changes-gone': { status: 410, blame: 'caller', title: 'The change feed does not hold what was asked for' },
  'precondition-failed': { status: 412, blame: 'caller', title: 'The object changed in the meantime' },
  'body-too-large': { status: 413, blame: 'caller', title: 'The request body is larger than allowed' },
  'bundle-too-large': { status: 413, blame: 'caller', title: 'The bundle is larger than allowed' },
  'archive-too-large': { status: 413, blame: 'caller', title: 'The archive is larger than allowed' },
  'unsupported-media-type': {
    status: 415,
    blame: 'caller',
    title: 'This route does not take this content type',
  },
  'range-not-satisfiable': { status: 416, blame: 'caller', title: 'The byte range lies outside the object' },
  'misdirected-request': {
    status: 421,
    blame: 'caller',
    title: 'This server does not answer for that host name',
  },
  'archive-invalid': { status: 422, blame: 'caller', title: 'The archive cannot be read' },
  'archive-entry-refused': {
    status: 422,
    blame: 'caller',
    title: 'The archive holds an entry that is not allowed',
  },
  'manifest-missing': { status: 422, blame: 'caller', title: 'The archive has no proxylet.json at its root' },
  'manifest-invalid': { status: 422, blame: 'caller', title: 'The manifest has faults' },
  'manifest-mismatch': {
    status: 422,
    blame: 'caller',
    title: 'The manifest names something else than the address',
  },
  'main-missing': {
    status: 422,
    blame: 'caller',
    title: 'The archive lacks the main module its manifest names',
  },
  'main-invalid': { status: 422, blame: 'caller', title: 'The main module is not one this platform can run' },
  'digest-mismatch': { status: 422, blame: 'caller', title: 'The bytes are not those of the stated digest' },
  'signature-invalid': {
    status: 422,
    blame: 'caller',
    title: 'The signature does not prove what it is to prove',
  },
  'service-invalid': { status: 422, blame: 'caller', title: 'The service has faults' },
  'bundle-invalid': { status: 422, blame: 'caller', title: 'The bundle is not a whole and sound export' },
  'webhook-refused': { status: 422, blame: 'caller', title: 'A webhook cannot lead there' },
  unresolvable: { status: 422, blame: 'caller', title: 'No set of versions meets every want' },
  'resolution-too-hard': {
    status: 422,
    blame: 'caller',
    title: 'Resolving the wants takes more effort than is allowed',
  },
  'limit-above-cap': {
    status: 422,
    blame: 'caller',
    title: 'The proxylet asks for more than this engine gives',
  },
  'quota-exceeded': { status: 429, blame: 'caller', title: 'A quota is used up' },
  'too-many-requests': { status: 429, blame: 'caller', title: 'Too many requests' },
  'request-cancelled': { status: 499, blame: 'caller', title: 'The caller went away' },
  'subrequest-limit': { status: 500, blame: 'guest', title: 'The proxylet made more requests than it may' },
  'depth-limit': { status: 500, blame: 'guest', title: 'Proxylets called one another too deeply' },
  'header-limit': { status: 500, blame: 'guest', title: 'The proxylet made more headers than it may' },
  'kv-limit': { status: 500, blame: 'guest', title: 'The key-value data of the proxylet is full' },
  'timer-limit': { status: 500, blame: 'guest', title: 'The proxylet set more timers than it may' },
  'operation-limit': {
    status: 500,
    blame: 'guest',
    title: 'The proxylet started more operations at once than it may',
  },
  'proxylet-threw': { status: 500, blame: 'guest', title: 'The proxylet failed with an exception' },
  internal: { status: 500, blame: 'us', title: 'Something broke on our side' },
  'proxylet-bad-response': {
    status: 502,
    blame: 'guest',
    title: 'The proxylet returned something that is no response',
  },
  'proxylet-invalid': { status: 502, blame: 'guest', title: 'The proxylet could not be started' },
  'response-too-large': {
    status: 502,
    blame: 'guest',
    title: 'The proxylet produced more than the engine passes on',
  },
  'artifact-corrupt': {
    status: 502,
    blame: 'operator',
    title: 'The bytes received or stored are not those of the published digest',
  },
  'catalog-refused': { status: 502, blame: 'operator', title: 'The catalog refused this engine' },
  'handler-missing': {
    status: 501,
    blame: 'guest',
    title: 'The proxylet has no handler for this',
  },
  'memory-limit': { status: 503, blame: 'guest', title: 'The proxylet used more memory than it may' },
  'cpu-rate-limit': {
    status: 503,
    blame: 'guest',
    title: 'The proxylet used more CPU over time than it may',
  },
  'proxylet-quarantined': {
    status: 503,
    blame: 'guest',
    title: 'The proxylet is stopped here because it ended its process again and again',
  },
  'runner-lost': { status: 503, blame: 'guest', title: 'The process that ran the proxylet ended' },
  'engine-busy': { status: 503, blame: 'operator', title: 'The engine has no capacity at the moment' },
  'metadata-untrusted': {
    status: 502,
    blame: 'operator',
    title: 'The signed metadata of the catalog cannot be trusted',
  },
  'metadata-expired': {
    status: 503,
    blame: 'operator',
    title: 'The signed metadata of the catalog has expired',
  },
  'catalog-answer-invalid': {
    status: 502,
    blame: 'operator',
    title: 'The catalog answered something that makes no sense',
  },
  'upstream-invalid': {
    status: 502,
    blame: 'operator',
    title: 'The upstream catalog does not answer as agreed',
  },
  'upstream-unavailable': { status: 503, blame: 'operator', title: 'The upstream catalog cannot be reached' },
  'catalog-unavailable': { status: 503, blame: 'operator', title: 'The catalog cannot be reached' },
  'clock-untrusted': { status: 503, blame: 'operator', title: 'The clock of this machine is behind' },
  'revocations-stale': {
    status: 503,
    blame: 'operator',
    title: 'What was revoked is not known well enough',
  },
  'idm-unavailable': { status: 503, blame: 'operator', title: 'The identity manager cannot be reached' },
  'storage-unavailable': { status: 503, blame: 'operator', title: 'The storage cannot be reached' },
  'not-ready': { status: 503, blame: 'operator', title: 'A dependency is down' },
  'cpu-limit': { status: 504, blame: 'guest', title: 'The proxylet computed longer than it may' },
  'time-limit': { status: 504, blame: 'guest', title: 'The proxylet did not answer in time' },
} as const satisfies Record<string, ProblemDefinition>;

export type Blame = 'caller' | 'guest' | 'operator' | 'us';

interface ProblemDefinition {
  readonly status: number;
  readonly blame: Blame;
  readonly title: string;
}

export type ProblemCode = keyof typeof problemCodes;
