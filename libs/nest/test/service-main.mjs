// A whole service process for the tests of `runService`; plain JavaScript, so that it runs what ships.
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { commonSettings, exitCodes, loadConfig, runService, ServiceFault } from '../dist/index.js';

class EmptyModule {}
Module({})(EmptyModule);

const settings = commonSettings({ app: 'CATALOG', port: 0, audience: 'urn:proxylet:catalog' });
const failure = process.argv[2];

await runService({
  name: 'catalog',
  version: '0.0.0',
  // oxlint-disable-next-line node/no-process-env -- this file is a main and its configuration in one
  config: () => loadConfig(settings, process.env),
  stateFolder: (config) => join(config.stateDir, 'catalog'),
  app: () => {
    if (failure === 'fault') throw new ServiceFault(exitCodes.stateNotWritable, 'The database is read-only.');
    if (failure === 'bug') throw new Error('first line\nsecond line');
    return { module: EmptyModule };
  },
});
if (failure === 'later') {
  setImmediate(() => {
    throw new Error('nobody caught me');
  });
}
