import type { Digest } from '@proxylet/contract';

/** A ready-made answer to a GET, good for every caller with a token that may read the catalog. */
export interface Answer {
  /** Pattern of the route, for metrics. */
  readonly route: string;
  readonly etag: string | undefined;
  /** Names and values in turn; those of the single request come besides. */
  readonly headers: readonly string[];
  readonly body: Buffer;
  /** Archive this is a download of. */
  readonly download: Digest | undefined;
  /** Whether the answer would be the same now; asked where anything at all has changed since. */
  readonly isCurrent: () => Promise<boolean>;
  /** State of the database it was last found current at, and when. */
  stamp: number;
  checkedAtMs: number;
}

/** Beside the bytes: key, headers and objects of an entry. */
const overheadBytes = 2048;

/** Answers by address; the least recently used go when they take up more than allowed. */
export class AnswerCache {
  private readonly answers = new Map<string, Answer>();
  private usedBytes = 0;

  /** @param maxBytes in all */
  constructor(private readonly maxBytes: number) {}

  get(url: string): Answer | undefined {
    const answer = this.answers.get(url);
    if (answer === undefined) return undefined;
    this.answers.delete(url);
    this.answers.set(url, answer);
    return answer;
  }

  /** What is larger than an eighth of everything is not kept. */
  put(url: string, answer: Answer): void {
    this.delete(url);
    const bytes = sizeOf(answer);
    if (bytes > this.maxBytes / 8) return;
    this.answers.set(url, answer);
    this.usedBytes += bytes;
    for (const oldest of this.answers.keys()) {
      if (this.usedBytes <= this.maxBytes) return;
      this.delete(oldest);
    }
  }

  delete(url: string): void {
    const answer = this.answers.get(url);
    if (answer === undefined) return;
    this.answers.delete(url);
    this.usedBytes -= sizeOf(answer);
  }

  get bytes(): number {
    return this.usedBytes;
  }
}

function sizeOf({ body }: Answer): number {
  return body.byteLength + overheadBytes;
}
