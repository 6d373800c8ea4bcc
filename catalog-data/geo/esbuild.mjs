import { packBorders } from './borders.mjs';

/** Gives `import text from './borders-packed.js'` the packed borders as one JSON text. */
export const plugins = [
  {
    name: 'borders',
    setup(build) {
      build.onResolve({ filter: /^\.\/borders-packed\.js$/ }, ({ path }) => ({ path, namespace: 'borders' }));
      build.onLoad({ filter: /.*/, namespace: 'borders' }, () => ({
        contents: JSON.stringify(packBorders()),
        loader: 'text',
      }));
    },
  },
];
