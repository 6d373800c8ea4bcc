export * from './archive.js';
export * from './environment.config.js';
export * from './proc.js';
export * from './refused.js';
export * from './service-process.js';
export * from './test-stack.js';
export * from './until.js';
export * from './workspace.js';
