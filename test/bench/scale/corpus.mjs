/** The most frequent words make up this much less than they would by the rule: people do not name things so. */
const skew = 20;
const fillers = [
  'the',
  'of',
  'a',
  'and',
  'to',
  'in',
  'for',
  'is',
  'with',
  'that',
  'on',
  'by',
  'as',
  'it',
  'from',
];

/**
 * Makes the words and shapes of a large catalog, the same for the same seed: names, descriptions and dependencies as
 * people write them, a few words very often and most of them seldom.
 */
export class Corpus {
  #state;

  constructor(seed) {
    this.#state = seed;
    this.words = this.#makeWords(4000);
    this.names = this.words.slice(0, 1500);
  }

  /** From 0 up to, and without, 1 (mulberry32). */
  random() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  int(below) {
    return Math.floor(this.random() * below);
  }

  /** Early members of a list far more often than late ones, as words are in a language (Zipf). */
  often(list) {
    return list[Math.floor(skew * (1 + list.length / skew) ** this.random() - skew)];
  }

  some(list, min, max) {
    const count = min + this.int(max - min + 1);
    return [...new Set(Array.from({ length: count }, () => this.often(list)))];
  }

  sentence(min, max) {
    const count = min + this.int(max - min + 1);
    return Array.from({ length: count }, () => this.often(this.int(5) < 2 ? fillers : this.words)).join(' ');
  }

  hex(bytes) {
    let text = '';
    while (text.length < bytes * 2) text += this.int(0x100000000).toString(16).padStart(8, '0');
    return text.slice(0, bytes * 2);
  }

  #makeWords(count) {
    const starts = [
      'b',
      'br',
      'c',
      'd',
      'f',
      'g',
      'gr',
      'h',
      'k',
      'l',
      'm',
      'n',
      'p',
      'pl',
      'r',
      's',
      'st',
      't',
      'th',
      'v',
      'w',
    ];
    const middles = ['a', 'e', 'i', 'o', 'u', 'ea', 'ou'];
    const ends = ['', 'n', 'r', 's', 't', 'l', 'm', 'nd', 'ck', 'ng'];
    const words = new Set();
    while (words.size < count) {
      let word = '';
      for (let part = 1 + this.int(3); part > 0 || word.length < 3; part -= 1)
        word +=
          starts[this.int(starts.length)] + middles[this.int(middles.length)] + ends[this.int(ends.length)];
      words.add(word);
    }
    return [...words];
  }
}
