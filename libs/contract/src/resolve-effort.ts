import { Problem } from './problem.js';

/** Units of work one resolution may take; a unit is a few nanoseconds, whatever the machine is busy with. */
const maxWork = 50_000_000;
/** 32-bit words a resolution may hold in learned facts and in its trail: about 16 MB. */
const maxWords = 4_000_000;
/** Names, and versions of them all, that one resolution may look at: most of them come out of a database. */
const maxNames = 1000;
const maxVersions = 40_000;
/** Units after which a resolution lets others have the processor: a few milliseconds. */
const sliceWork = 400_000;

/**
 * Counts what a resolution costs, in steps and not by the clock, so that equal input has an equal answer on a busy
 * machine and on an idle one. Finding a set of versions is NP-complete: a hostile graph can only be given up on.
 */
export class Effort {
  private work = 0;
  private words = 0;
  private versions = 0;
  private names = 0;
  private sliceEnd = sliceWork;
  deadEnds = 0;

  /** @throws Problem `resolution-too-hard` */
  spend(units: number): void {
    this.work += units;
    if (this.work > maxWork) this.giveUp();
  }

  /** Counts memory taken, or given back where negative. @throws Problem `resolution-too-hard` */
  hold(words: number): void {
    this.words += words;
    if (this.words > maxWords) this.giveUp();
  }

  /** @throws Problem `resolution-too-hard` */
  look(versions: number): void {
    this.names += 1;
    this.versions += versions;
    if (this.names <= maxNames && this.versions <= maxVersions) return;
    const most = this.names > maxNames ? `${maxNames} proxylets` : `${maxVersions} versions`;
    throw new Problem(
      'resolution-too-hard',
      `The wants lead to more than ${most}, the most that are looked at.`,
    );
  }

  /** Whether a slice of work has passed since this was last answered with yes. */
  isSliceOver(): boolean {
    if (this.work < this.sliceEnd) return false;
    this.sliceEnd = this.work + sliceWork;
    return true;
  }

  private giveUp(): never {
    throw new Problem(
      'resolution-too-hard',
      `The wants are too entangled: after ${this.deadEnds} dead ends among the versions of ${this.names} proxylets no answer was found within the allowed effort. Exact versions in the wants make it easier.`,
      { extra: { names: this.names, deadEnds: this.deadEnds } },
    );
  }
}
