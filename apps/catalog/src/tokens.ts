/** What Nest injects where there is no class to name it by. */
export const BLOB_STORE = Symbol('BlobStore');
