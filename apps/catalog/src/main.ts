import { runService } from '@proxylet/nest';
import { catalogApp } from './catalog-app.js';
import { loadCatalogConfig } from './catalog.config.js';
import { catalogFolder } from './catalog.module.js';

await runService({
  name: 'catalog',
  version: '0.1.0',
  config: loadCatalogConfig,
  stateFolder: catalogFolder,
  app: catalogApp,
});
