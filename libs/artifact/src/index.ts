export * from './check-main.js';
export * from './extract-main.js';
export * from './limits.js';
export * from './main-checker.js';
export * from './pack-folder.js';
export * from './read-archive.js';
export type { MainWarning } from './static-look.js';
export type { ArchiveRule } from './refusal.js';
