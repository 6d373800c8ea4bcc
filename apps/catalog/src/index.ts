export { catalogApp } from './catalog-app.js';
export * from './catalog.config.js';
export * from './catalog.module.js';
export { Database, type DatabaseOptions } from './database/database.js';
export { NamespaceRow } from './database/namespace.entity.js';
export { AuditRow } from './database/ledger.entity.js';
