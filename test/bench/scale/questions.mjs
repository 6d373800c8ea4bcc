import { Corpus } from './corpus.mjs';
import { proxyletsOf } from './proxylets.mjs';

const engine = {
  runtimes: [
    { type: 'isolate', version: '1.4.0' },
    { type: 'wasm', version: '1.0.0' },
  ],
  capabilities: [
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
  ],
};

const search = (query) => () => ({ path: `/v1/proxylets?${query()}` });

/** What people and engines ask of a catalog of this size: for each kind a maker of questions, none asked twice. */
export function questionsOf(proxylets) {
  const names = Array.from(proxyletsOf(proxylets), ({ namespace, name }) => `${namespace}/${name}`);
  const corpus = new Corpus(11);
  // The words of all catalogs are the same, whatever their size.
  const { words } = new Corpus(7);
  const name = () => names[corpus.int(names.length)];
  const word = () => corpus.often(words);
  return new Map([
    ['search: a word', search(() => `q=${word()}`)],
    ['search: a common word', search(() => `q=${words[corpus.int(10)]}`)],
    ['search: as one types', search(() => `q=${word().slice(0, 1 + corpus.int(4))}`)],
    ['search: two words', search(() => `q=${word()}%20${word()}`)],
    ['search: two common words', search(() => `q=${words[corpus.int(10)]}%20${words[corpus.int(30)]}`)],
    ['search: with a typo', search(() => `q=${typo(corpus, words[corpus.int(1500)])}`)],
    ['search: a name', search(() => `q=${name().split('/')[1]}`)],
    ['search: word and capability', search(() => `q=${word()}&capability=device:gpio&runtime=wasm`)],
    ['search: in a namespace', search(() => `q=${word()}&namespace=${name().split('/')[0]}`)],
    // Ten, which the smallest catalog has as well: answers of one length.
    ['list: by capability', search(() => `capability=clock&runtime=wasm&limit=10`)],
    ['metadata: a proxylet', () => ({ path: `/v1/proxylets/${name()}` })],
    [
      'metadata: its versions',
      () => ({ path: `/v1/proxylets/${name()}/versions?limit=${5 + corpus.int(95)}` }),
    ],
    ['metadata: one version', () => ({ path: `/v1/proxylets/${name()}/versions/1.${corpus.int(10)}.0` })],
    [
      'resolve',
      () => ({ path: '/v1/resolve', body: JSON.stringify({ engine, wants: [{ proxylet: name() }] }) }),
    ],
  ]);
}

function typo(corpus, word) {
  const at = 1 + corpus.int(Math.max(word.length - 1, 1));
  return word.slice(0, at) + 'x' + word.slice(at + 1);
}
