import type { Kv } from '../../shared/handler.js';
import type { Answer, Question } from './upstream.js';

export interface Cached extends Answer {
  readonly storedAtMs: number;
}

interface Entry {
  /** JSON of the whole question: two that share a key's hash are never mixed up. */
  readonly question: string;
  readonly answer: Cached;
}

/** Larger answers are passed on and not kept. */
const maxBodyLength = 512 * 1024;

/** The kept answer to one question put to one broker. */
export class CacheEntry {
  private readonly question: string;
  private readonly key: string;

  constructor(
    private readonly kv: Kv,
    broker: string,
    question: Question,
  ) {
    this.question = JSON.stringify([broker, question]);
    const readable = question.path.slice(0, 60).replaceAll(/[^A-Za-z0-9/=&?._:-]/g, '_');
    this.key = `a/${hash(this.question, 0x811c9dc5)}${hash(this.question, 0x5bd1e995)}${readable}`;
  }

  async read(): Promise<Cached | undefined> {
    const text = await this.kv.get(this.key);
    if (text === null) return undefined;
    const { question, answer } = JSON.parse(text) as Entry;
    return question === this.question ? answer : undefined;
  }

  /** Keeps an answer for `ttl` seconds; false where the store refused it. */
  async write(answer: Cached, ttl: number): Promise<boolean> {
    if (answer.body.length > maxBodyLength || ttl <= 0) return true;
    const entry: Entry = { question: this.question, answer };
    try {
      await this.kv.put(this.key, JSON.stringify(entry), { ttl });
      return true;
    } catch {
      return false;
    }
  }

  async forget(): Promise<void> {
    await this.kv.delete(this.key);
  }
}

/** FNV-1a over UTF-16 units, 8 hex digits. */
function hash(text: string, seed: number): string {
  let value = seed;
  for (let i = 0; i < text.length; i += 1) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(16).padStart(8, '0');
}
