import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '@proxylet/contract';

export interface ClockFloorOptions {
  /** Folder the time is kept in. */
  readonly folder: string;
  readonly now: () => number;
}

/** No build of this is older. */
const builtAfterMs = Date.UTC(2025, 0, 1);
/** How far the clock may go back before it is not believed: what a time server corrects. */
const toleranceMs = 120_000;
const keepEveryMs = 60_000;

/**
 * The time it certainly is by now, for boxes whose clock starts in 1970 or is turned back: by then expired tokens
 * would be good again. Only issuers move it, by the time of issue of tokens that were accepted: a clock that runs
 * ahead cannot lock the box out for the time after its correction.
 */
export class ClockFloor {
  #latestMs: number;
  #keptMs: number;
  #keeping: Promise<void> = Promise.resolve();
  readonly #file: string;

  private constructor(
    private readonly options: ClockFloorOptions,
    latestMs: number,
  ) {
    this.#latestMs = latestMs;
    this.#keptMs = latestMs;
    this.#file = join(options.folder, 'latest-time');
  }

  static async open(options: ClockFloorOptions): Promise<ClockFloor> {
    const text = await readFile(join(options.folder, 'latest-time'), 'utf8').catch(() => '');
    const kept = /^\d{1,15}$/.test(text) ? Number(text) : 0;
    return new ClockFloor(options, Math.max(builtAfterMs, kept));
  }

  /** @throws Problem `clock-untrusted` where the clock stands before a time that is past for certain */
  assert(): void {
    if (this.options.now() >= this.#latestMs - toleranceMs) return;
    throw new Problem(
      'clock-untrusted',
      'The clock of this machine is behind, so that nobody can be let in; set it, or let it reach a time server.',
      { retryAfterSeconds: 60 },
    );
  }

  /** @param ms when an accepted token was issued */
  witness(ms: number): void {
    if (ms <= this.#latestMs) return;
    this.#latestMs = ms;
    if (ms - this.#keptMs < keepEveryMs) return;
    this.#keptMs = ms;
    this.#keeping = this.#keeping.then(() => this.#keep(ms));
  }

  async close(): Promise<void> {
    await this.#keeping;
  }

  /** What cannot be kept is witnessed again by the next token. */
  async #keep(ms: number): Promise<void> {
    try {
      await mkdir(this.options.folder, { recursive: true, mode: 0o700 });
      await writeFile(this.#file, String(Math.floor(ms)), { mode: 0o600 });
    } catch {
      this.#keptMs = 0;
    }
  }
}
