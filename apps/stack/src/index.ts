export { type IdmConfig, idmSettings, readIdmConfig } from './idm/idm.config.js';
export { type Idm, startIdm } from './idm/server.js';
export { stackSettings } from './stack.config.js';
