import { type Bits, isSubset } from './resolve-bits.js';
import type { Effort } from './resolve-effort.js';
import type { Nogood, Variable } from './resolve-nogood.js';

/** Memory of a term or of an entry besides its set, in words of 32 bits: objects, lists, a range remembered. */
export const wordsPerTerm = 100;

/** One change of a domain. Without a reason it is a decision, the first entry of its level. */
interface Entry {
  readonly variable: Variable;
  readonly before: Bits;
  /** Place of the change before of the same variable; -1 for none. */
  readonly previous: number;
  readonly level: number;
  readonly reason: Nogood | undefined;
}

/** Every change of a domain in order, so that it can be taken back and its reason looked up. */
export class Trail {
  private readonly entries: Entry[] = [];

  constructor(private readonly effort: Effort) {}

  at(place: number): Entry | undefined {
    return this.entries[place];
  }

  assign(variable: Variable, domain: Bits, level: number, reason: Nogood | undefined): void {
    this.effort.spend(50);
    this.effort.hold(domain.length + wordsPerTerm);
    this.entries.push({ variable, before: variable.domain, previous: variable.newest, level, reason });
    variable.newest = this.entries.length - 1;
    variable.domain = domain;
  }

  /** The change that made it true that the variable is in the set, which it is. */
  placeOf(variable: Variable, set: Bits): number {
    let place = variable.newest;
    for (
      let entry = this.entries[place];
      entry !== undefined && isSubset(entry.before, set);
      entry = this.entries[place]
    ) {
      place = entry.previous;
      this.effort.spend(2 + set.length);
    }
    return place;
  }

  /** Takes back what lies above a level; answers the reasons of it, oldest first. */
  backTo(level: number): readonly Nogood[] {
    const reasons: Nogood[] = [];
    for (
      let last = this.entries.at(-1);
      last !== undefined && last.level > level;
      last = this.entries.at(-1)
    ) {
      last.variable.domain = last.before;
      last.variable.newest = last.previous;
      this.effort.hold(-last.before.length - wordsPerTerm);
      if (last.reason !== undefined) reasons.push(last.reason);
      this.entries.pop();
    }
    return reasons.toReversed();
  }
}
