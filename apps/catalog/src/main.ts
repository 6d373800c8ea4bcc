import { runService } from '@proxylet/nest';
import { loadCatalogConfig } from './catalog.config.js';
import { CatalogModule, catalogFolder } from './catalog.module.js';

await runService({
  name: 'catalog',
  version: '0.1.0',
  config: loadCatalogConfig,
  stateFolder: catalogFolder,
  app: (config) => ({ module: CatalogModule.with(config) }),
});
