export * from './access.js';
export * from './bearer.js';
export * from './client-credentials.js';
export * from './grant.js';
export * from './issuer-profile.js';
export type { AuthLog } from './log.js';
export * from './principal.js';
export * from './token-cache.js';
export * from './token-verifier.js';
