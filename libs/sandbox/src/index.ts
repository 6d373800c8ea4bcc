export * from './host/sandbox.js';
export * from './types.js';
