export * from './catalog.config.js';
export * from './catalog.module.js';
