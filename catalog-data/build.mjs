import { bundle, proxyletFolders } from './tools/bundle.mjs';

await Promise.all(proxyletFolders().map((folder) => bundle(folder)));
