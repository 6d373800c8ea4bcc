import { packBorders } from './borders.mjs';

/** Gives `import text from 'borders:packed'` the packed borders as one JSON text, parsed at the first question. */
export const plugins = [
  {
    name: 'borders',
    setup(build) {
      build.onResolve({ filter: /^borders:packed$/ }, ({ path }) => ({ path, namespace: 'borders' }));
      build.onLoad({ filter: /.*/, namespace: 'borders' }, () => ({
        contents: JSON.stringify(packBorders()),
        loader: 'text',
      }));
    },
  },
];
