import { Corpus } from './corpus.mjs';

const capabilities = [
  'kv',
  'log',
  'fetch',
  'device:camera',
  'device:gpio',
  'topic',
  'clock',
  'location',
  'store',
  'display',
];
const versionsEach = 10;

/**
 * A catalog of so many proxylets with ten versions each. One in twenty is a base that depends on nothing, five in
 * twenty stand on bases, the rest on those, so that what a want can reach is as large in a small catalog as in a large.
 */
export function* proxyletsOf(count, seed = 7) {
  const corpus = new Corpus(seed);
  const shape = new Shape(corpus, count);
  for (let index = 0; index < count; index += 1) yield shape.proxylet(index);
}

class Shape {
  #corpus;
  #namespaces;
  #layers = [[], [], []];
  #taken = new Set();

  constructor(corpus, count) {
    this.#corpus = corpus;
    this.#namespaces = Array.from(
      { length: Math.max(10, Math.ceil(count / 20)) },
      (_, i) => `${corpus.names[i % 1500]}-${i}`,
    );
  }

  proxylet(index) {
    const corpus = this.#corpus;
    const layer = index % 20 === 0 ? 0 : index % 20 < 6 ? 1 : 2;
    const { namespace, name } = this.#name(index);
    const full = `${namespace}/${name}`;
    const beneath = layer === 0 ? [] : this.#layers[layer - 1];
    const targets = beneath.length === 0 ? [] : corpus.some(beneath, layer === 1 ? 1 : 0, layer + 1);
    if (this.#layers[layer].length < 20_000) this.#layers[layer].push(full);
    const manifest = {
      name: full,
      version: '1.0.0',
      description: corpus.sentence(8, 20),
      keywords: corpus.some(corpus.words, 2, 5),
      runtime: { type: corpus.int(10) === 0 ? 'wasm' : 'isolate', version: '^1' },
      main: 'dist/index.js',
      capabilities: corpus.some(capabilities, 0, 3),
      dependencies: Object.fromEntries(targets.map((target) => [target, '^1'])),
    };
    const versions = Array.from({ length: versionsEach }, (_, minor) => this.#version(minor));
    const readme = corpus.int(3) === 0 ? `# ${name}\n\n${corpus.sentence(40, 120)}\n` : null;
    return {
      id: index + 1,
      namespace,
      name,
      manifest,
      readme,
      versions,
      downloads: Math.floor(10 ** (4 * corpus.random() ** 3)),
    };
  }

  #name(index) {
    const corpus = this.#corpus;
    const namespace = this.#namespaces[corpus.int(this.#namespaces.length)];
    const name = Array.from({ length: 1 + corpus.int(3) }, () => corpus.often(corpus.names)).join('-');
    const isFree = !this.#taken.has(`${namespace}/${name}`);
    const own = isFree ? name : `${name}-${index}`;
    this.#taken.add(`${namespace}/${own}`);
    return { namespace, name: own };
  }

  #version(minor) {
    const corpus = this.#corpus;
    const draw = corpus.int(100);
    const state = draw < 2 ? 'yanked' : draw < 5 ? 'deprecated' : 'published';
    const day = new Date(Date.UTC(2025, 0, 1) + (corpus.int(500) + minor) * 86_400_000).toISOString();
    return {
      version: `1.${minor}.0`,
      state,
      digest: `sha256:${corpus.hex(32)}`,
      sizeBytes: 2000 + corpus.int(50_000),
      publishedAt: day,
    };
  }
}
