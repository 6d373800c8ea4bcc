import { join } from 'node:path';
import { runService } from '@proxylet/nest';
import { loadEngineConfig } from './engine.config.js';
import { engineApp } from './engine-app.js';

await runService({
  name: 'engine',
  version: '0.1.0',
  config: loadEngineConfig,
  stateFolder: (config) => join(config.stateDir, 'engine'),
  app: engineApp,
});
