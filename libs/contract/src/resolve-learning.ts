import { type Bits, intersection, isSubset, union } from './resolve-bits.js';
import type { Effort } from './resolve-effort.js';
import type { Nogood, Term, Variable } from './resolve-nogood.js';
import type { Trail } from './resolve-trail.js';

/** A term of a conflict, with the place on the trail where it became true. */
interface PlacedTerm {
  readonly set: Bits;
  readonly place: number;
}

export type Lesson =
  /** What would have prevented the conflict at a lower level, `back`: there all its terms but one are true. */
  | { readonly learned: Nogood; readonly back: number }
  /** Facts that contradict one another whatever is decided. */
  | { readonly facts: readonly Nogood[] };

/** Looks for the cause of a conflict, a nogood all of whose terms are true, by resolving it with reason after reason. */
export function learn(conflict: Nogood, trail: Trail, effort: Effort): Lesson {
  const terms = new Terms(trail);
  const from: Nogood[] = [conflict];
  for (const term of conflict.terms) terms.add(term);
  for (;;) {
    effort.spend(10 + 2 * terms.size);
    if (terms.size === 0) return { facts: factsBehind(from) };
    const { variable, place, back } = terms.newest();
    const entry = trail.at(place);
    if (variable === undefined || entry === undefined) throw new Error('a conflict without a cause');
    if (entry.level > 0 && (entry.reason === undefined || back < entry.level)) {
      const learned = from.length === 1 ? conflict : { terms: terms.list(), from };
      return { learned, back: Math.max(back, 0) };
    }
    if (entry.reason === undefined) throw new Error('a decision at the root');
    from.push(entry.reason);
    terms.resolve(variable, entry.reason);
  }
}

class Terms {
  private readonly terms = new Map<Variable, PlacedTerm>();

  constructor(private readonly trail: Trail) {}

  get size(): number {
    return this.terms.size;
  }

  list(): Term[] {
    return [...this.terms].map(([variable, { set }]) => ({ variable, set }));
  }

  add({ variable, set }: Term): void {
    const present = this.terms.get(variable);
    const both = present === undefined ? set : intersection(present.set, set);
    this.terms.set(variable, { set: both, place: this.trail.placeOf(variable, both) });
  }

  /** Resolution with another nogood over a name: one of the two applies whichever version of it is taken. */
  resolve(over: Variable, reason: Nogood): void {
    const set = this.terms.get(over)?.set;
    this.terms.delete(over);
    for (const term of reason.terms) {
      if (term.variable !== over) this.add(term);
      else if (set !== undefined) {
        const either = union(set, term.set);
        if (!isSubset(over.full, either)) this.add({ variable: over, set: either });
      }
    }
  }

  /** The term that became true last, and the level of the last but one; -1 where it is alone. */
  newest(): { readonly variable: Variable | undefined; readonly place: number; readonly back: number } {
    let variable: Variable | undefined;
    let [newest, second] = [-1, -1];
    for (const [one, { place }] of this.terms) {
      if (place > newest) [variable, newest, second] = [one, place, newest];
      else if (place > second) second = place;
    }
    return { variable, place: newest, back: this.trail.at(second)?.level ?? -1 };
  }
}

function factsBehind(from: readonly Nogood[]): readonly Nogood[] {
  const facts: Nogood[] = [];
  const seen = new Set<Nogood>();
  const open = [...from];
  for (let nogood = open.pop(); nogood !== undefined; nogood = open.pop()) {
    if (seen.has(nogood)) continue;
    seen.add(nogood);
    if (nogood.edge !== undefined) facts.push(nogood);
    for (const parent of nogood.from) open.push(parent);
  }
  return facts;
}
