import {
  addBit,
  type Bits,
  hasBit,
  intersection,
  isDisjoint,
  isSubset,
  union,
  without,
} from './resolve-bits.js';
import type { Effort } from './resolve-effort.js';
import {
  type Constraint,
  needNogood,
  type Nogood,
  type Term,
  Variable,
  wantNogood,
} from './resolve-nogood.js';
import type { Shelf } from './resolve-shelf.js';
import type { Candidate } from './resolve-versions.js';

/** One change of a domain. Without a reason it is a decision, the first entry of its level. */
interface Entry {
  readonly variable: Variable;
  readonly before: Bits;
  readonly previous: number;
  readonly level: number;
  readonly reason: Nogood | undefined;
}

/** A term of a conflict, with the place on the trail where it became true. */
interface PlacedTerm {
  readonly set: Bits;
  readonly at: number;
}

export interface SolverOptions {
  readonly wants: readonly Constraint[];
  readonly effort: Effort;
  /** Undefined where the name has not been loaded. */
  readonly shelf: (name: string) => Shelf | undefined;
  /** Names taken as given whatever is asked of them: neither checked nor chosen. */
  readonly waived: ReadonlySet<string>;
}

export type Outcome =
  | { readonly chosen: ReadonlyMap<string, Candidate> }
  /** Facts that contradict one another when taken together. */
  | { readonly facts: readonly Nogood[] };

/**
 * Search by conflict: unit propagation over nogoods, and after each dead end a nogood learned from it and a jump back
 * to where it would have changed the course, as PubGrub and SAT solvers do. A learned nogood follows from the facts,
 * so nothing possible is ever excluded: the search is complete. Names are decided in the order in which they are met,
 * wants first and then dependencies breadth first, each taking its best version that was not refuted. The answer is
 * thus the first in that order among all sets that meet every want.
 */
export class Solver {
  private readonly variables = new Map<string, Variable>();
  private readonly trail: Entry[] = [];
  /** `order[n]` is decided at level `n + 1`. */
  private readonly order: Variable[] = [];
  /** Length of `order` before each decision. */
  private readonly lengths: number[] = [];
  private readonly queue: Variable[] = [];
  private conflict: Nogood | undefined;

  constructor(private readonly options: SolverOptions) {}

  /** Yields names to be loaded before it goes on, or none where it has worked long enough to let others work. */
  *run(): Generator<readonly string[], Outcome, undefined> {
    const wants = this.options.wants.filter(({ name }) => !this.options.waived.has(name));
    yield* this.load(wants.map(({ name }) => name));
    for (const want of wants) {
      const target = this.variable(want.name);
      this.add(wantNogood(want, target));
      this.enqueueForDecision(target);
    }
    for (;;) {
      if (this.options.effort.isSliceOver()) yield [];
      const conflict = this.propagate();
      if (conflict !== undefined) {
        const facts = this.learn(conflict);
        if (facts !== undefined) return { facts };
        continue;
      }
      const next = this.order[this.level];
      if (next === undefined) return { chosen: this.chosen() };
      const choice = next.shelf.pick(next.domain);
      const needs = Object.keys(next.shelf.release(choice)?.candidate.dependencies ?? {});
      const followed = needs.filter((name) => !this.options.waived.has(name));
      yield* this.load(followed);
      this.examine(next, choice, followed);
      if (this.conflict === undefined && this.queue.length === 0) this.decide(next, choice, followed);
    }
  }

  private get level(): number {
    return this.lengths.length;
  }

  private *load(names: readonly string[]): Generator<readonly string[], void, undefined> {
    const missing = new Set(names.filter((name) => this.options.shelf(name) === undefined));
    if (missing.size > 0) yield [...missing];
  }

  private variable(name: string): Variable {
    const known = this.variables.get(name);
    if (known !== undefined) return known;
    const shelf = this.options.shelf(name);
    if (shelf === undefined) throw new Error(`${name} was not loaded`);
    const variable = new Variable(shelf);
    this.variables.set(name, variable);
    return variable;
  }

  private enqueueForDecision(variable: Variable): void {
    if (variable.isOrdered) return;
    variable.isOrdered = true;
    this.order.push(variable);
  }

  /** Adds what a version needs, once, and looks whether that alone speaks against it. */
  private examine(variable: Variable, choice: number, names: readonly string[]): void {
    let needs = variable.needs.get(choice);
    if (needs === undefined) {
      needs = names.flatMap(
        (name) => this.stated(variable, choice, name) ?? this.need(variable, choice, name) ?? [],
      );
      variable.needs.set(choice, needs);
    }
    for (const nogood of needs) this.evaluate(nogood);
  }

  /** What another version, looked at before, has said for this one as well. */
  private stated(variable: Variable, choice: number, name: string): Nogood | undefined {
    return variable.stated
      .get(name)
      ?.find(
        ({ edge }) => edge !== undefined && 'variable' in edge.source && hasBit(edge.source.versions, choice),
      );
  }

  /** One nogood for all neighbours that say the same of the target: what is learned then holds for all of them. */
  private need(variable: Variable, choice: number, name: string): Nogood | undefined {
    const range = rangeOn(variable, choice, name) ?? '*';
    const target = this.variable(name);
    const versions = variable.shelf.none();
    addBit(versions, choice);
    for (const step of [-1, 1]) {
      let bit = choice + step;
      for (; rangeOn(variable, bit, name) === range; bit += step) addBit(versions, bit);
      this.options.effort.spend(20 * Math.abs(bit - choice));
    }
    const nogood = needNogood(variable, versions, target, range);
    if (nogood === undefined) return undefined;
    this.attach(nogood);
    const others = variable.stated.get(name);
    if (others === undefined) variable.stated.set(name, [nogood]);
    else others.push(nogood);
    return nogood;
  }

  private add(nogood: Nogood): void {
    this.attach(nogood);
    this.evaluate(nogood);
  }

  private attach(nogood: Nogood): void {
    for (const { variable, set } of nogood.terms) {
      variable.nogoods.push(nogood);
      this.options.effort.hold(set.length + 16);
    }
  }

  private decide(variable: Variable, choice: number, needs: readonly string[]): void {
    this.lengths.push(this.order.length);
    const only = variable.shelf.none();
    addBit(only, choice);
    this.assign(variable, only, undefined);
    for (const name of needs) this.enqueueForDecision(this.variable(name));
  }

  private assign(variable: Variable, domain: Bits, reason: Nogood | undefined): void {
    const { effort } = this.options;
    effort.hold(domain.length + 16);
    this.trail.push({
      variable,
      before: variable.domain,
      previous: variable.newest,
      level: this.level,
      reason,
    });
    variable.newest = this.trail.length - 1;
    variable.domain = domain;
    if (variable.isQueued) return;
    variable.isQueued = true;
    this.queue.push(variable);
  }

  private propagate(): Nogood | undefined {
    while (this.conflict === undefined) {
      const variable = this.queue.shift();
      if (variable === undefined) return undefined;
      variable.isQueued = false;
      for (const nogood of variable.nogoods) {
        this.evaluate(nogood);
        if (this.conflict !== undefined) break;
      }
    }
    const { conflict } = this;
    this.conflict = undefined;
    return conflict;
  }

  /** Where all terms but one are true, that one must be false; where all are, there is a conflict. */
  private evaluate(nogood: Nogood): void {
    let open: Term | undefined;
    let work = 2;
    for (const term of nogood.terms) {
      const { domain } = term.variable;
      work += 2 + domain.length;
      if (isSubset(domain, term.set)) continue;
      if (open !== undefined || isDisjoint(domain, term.set)) {
        this.options.effort.spend(work);
        return;
      }
      open = term;
    }
    this.options.effort.spend(work);
    if (open === undefined) this.conflict = nogood;
    else this.assign(open.variable, without(open.variable.domain, open.set), nogood);
  }

  /** Goes back to where the conflict would have been avoided; the facts that contradict where there is no such place. */
  private learn(conflict: Nogood): readonly Nogood[] | undefined {
    this.options.effort.deadEnds += 1;
    const terms = new Map<Variable, PlacedTerm>();
    const from: Nogood[] = [conflict];
    for (const term of conflict.terms) this.place(terms, term);
    for (;;) {
      this.options.effort.spend(10 + 2 * terms.size);
      const { variable, back } = newestOf(terms, this.trail);
      if (variable === undefined) return factsBehind(from);
      const placed = terms.get(variable);
      const entry = placed === undefined ? undefined : this.trail[placed.at];
      if (placed === undefined || entry === undefined) throw new Error('a conflict without a cause');
      if (entry.level > 0 && (entry.reason === undefined || back < entry.level)) {
        const learned = from.length === 1 ? conflict : { terms: termsIn(terms), from };
        if (learned !== conflict) this.attach(learned);
        this.backTo(Math.max(back, 0));
        this.evaluate(learned);
        return undefined;
      }
      if (entry.reason === undefined) throw new Error('a decision at the root');
      from.push(entry.reason);
      this.replace(terms, variable, entry.reason);
    }
  }

  /** Resolution of two nogoods over a name: one of them applies whichever version of it is taken. */
  private replace(terms: Map<Variable, PlacedTerm>, over: Variable, reason: Nogood): void {
    const set = terms.get(over)?.set;
    terms.delete(over);
    for (const term of reason.terms) {
      if (term.variable !== over) this.place(terms, term);
      else if (set !== undefined) {
        const either = union(set, term.set);
        if (!isSubset(over.full, either)) this.place(terms, { variable: over, set: either });
      }
    }
  }

  private place(terms: Map<Variable, PlacedTerm>, { variable, set }: Term): void {
    const present = terms.get(variable);
    const both = present === undefined ? set : intersection(present.set, set);
    let at = variable.newest;
    for (
      let entry = this.trail[at];
      entry !== undefined && isSubset(entry.before, both);
      entry = this.trail[at]
    ) {
      at = entry.previous;
      this.options.effort.spend(2 + both.length);
    }
    terms.set(variable, { set: both, at });
  }

  private backTo(level: number): void {
    for (let last = this.trail.at(-1); last !== undefined && last.level > level; last = this.trail.at(-1)) {
      last.variable.domain = last.before;
      last.variable.newest = last.previous;
      this.options.effort.hold(-last.before.length - 16);
      this.trail.pop();
    }
    const length = this.lengths[level] ?? this.order.length;
    for (const dropped of this.order.splice(length)) dropped.isOrdered = false;
    this.lengths.length = level;
    for (const waiting of this.queue.splice(0)) waiting.isQueued = false;
  }

  private chosen(): ReadonlyMap<string, Candidate> {
    const chosen = new Map<string, Candidate>();
    for (const { shelf, domain } of this.order) {
      const release = shelf.release(shelf.pick(domain));
      if (release !== undefined && !hasBit(domain, 0)) chosen.set(shelf.name, release.candidate);
    }
    return chosen;
  }
}

function rangeOn(variable: Variable, bit: number, name: string): string | undefined {
  return variable.shelf.release(bit)?.candidate.dependencies[name];
}

/** The term that became true last, and the level of the last but one; -1 where it is alone. */
function newestOf(
  terms: ReadonlyMap<Variable, PlacedTerm>,
  trail: readonly Entry[],
): { readonly variable: Variable | undefined; readonly back: number } {
  let variable: Variable | undefined;
  let [newest, second] = [-1, -1];
  for (const [one, { at }] of terms) {
    if (at > newest) [variable, newest, second] = [one, at, newest];
    else if (at > second) second = at;
  }
  return { variable, back: trail[second]?.level ?? -1 };
}

function termsIn(terms: ReadonlyMap<Variable, PlacedTerm>): Term[] {
  return [...terms].map(([variable, { set }]) => ({ variable, set }));
}

function factsBehind(from: readonly Nogood[]): readonly Nogood[] {
  const facts: Nogood[] = [];
  const seen = new Set<Nogood>();
  const open = [...from];
  for (let nogood = open.pop(); nogood !== undefined; nogood = open.pop()) {
    if (seen.has(nogood)) continue;
    seen.add(nogood);
    if (nogood.edge !== undefined) facts.push(nogood);
    open.push(...nogood.from);
  }
  return facts;
}
