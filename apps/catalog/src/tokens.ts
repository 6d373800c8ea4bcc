/** What Nest injects where there is no class to name it by. */
export const BLOB_STORE = Symbol('BlobStore');
/** Issuers that trust policies may name; null for any. */
export const POLICY_ISSUERS = Symbol('PolicyIssuers');
