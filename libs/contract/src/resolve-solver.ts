import { addBit, type Bits, hasBit, isDisjoint, isSubset, without } from './resolve-bits.js';
import type { Effort } from './resolve-effort.js';
import { learn } from './resolve-learning.js';
import {
  type Constraint,
  needNogood,
  type Needs,
  type Nogood,
  Variable,
  wantNogood,
} from './resolve-nogood.js';
import type { Shelf } from './resolve-shelf.js';
import { Trail, wordsPerTerm } from './resolve-trail.js';
import type { Candidate } from './resolve-versions.js';

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
  private readonly trail: Trail;
  /** `order[n]` is decided at level `n + 1`. */
  private readonly order: Variable[] = [];
  /** Length of `order` before each decision. */
  private readonly lengths: number[] = [];
  private readonly queue: Variable[] = [];
  private conflict: Nogood | undefined;

  constructor(private readonly options: SolverOptions) {
    this.trail = new Trail(options.effort);
  }

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
        this.options.effort.deadEnds += 1;
        const lesson = learn(conflict, this.trail, this.options.effort);
        if ('facts' in lesson) return lesson;
        this.backTo(lesson.back);
        if (lesson.learned !== conflict) this.attach(lesson.learned);
        this.evaluate(lesson.learned);
        continue;
      }
      const next = this.order[this.level];
      if (next === undefined) return { chosen: this.chosen() };
      const choice = next.shelf.pick(next.domain);
      const needs = next.needs.get(choice) ?? (yield* this.needsOf(next, choice));
      for (const nogood of needs.nogoods) this.evaluate(nogood);
      if (this.conflict === undefined && this.queue.length === 0) this.decide(next, choice, needs);
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

  /** What a version needs, looked up once. */
  private *needsOf(variable: Variable, choice: number): Generator<readonly string[], Needs, undefined> {
    const all = Object.keys(variable.shelf.release(choice)?.candidate.dependencies ?? {});
    const names = all.filter((name) => !this.options.waived.has(name));
    yield* this.load(names);
    const needs: Needs = {
      targets: names.map((name) => this.variable(name)),
      nogoods: names.flatMap(
        (name) => this.stated(variable, choice, name) ?? this.need(variable, choice, name) ?? [],
      ),
    };
    variable.needs.set(choice, needs);
    return needs;
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
    this.options.effort.spend(1000);
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
      variable.watches.push({ set, nogood });
      this.options.effort.hold(set.length + wordsPerTerm);
    }
  }

  private decide(variable: Variable, choice: number, { targets }: Needs): void {
    this.options.effort.spend(200);
    this.lengths.push(this.order.length);
    const only = variable.shelf.none();
    addBit(only, choice);
    this.assign(variable, only, undefined);
    for (const target of targets) this.enqueueForDecision(target);
  }

  private assign(variable: Variable, domain: Bits, reason: Nogood | undefined): void {
    this.trail.assign(variable, domain, this.level, reason);
    if (variable.isQueued) return;
    variable.isQueued = true;
    this.queue.push(variable);
  }

  private propagate(): Nogood | undefined {
    while (this.conflict === undefined) {
      const variable = this.queue.pop();
      if (variable === undefined) return undefined;
      variable.isQueued = false;
      if (this.level === 0) variable.forgetMet();
      this.options.effort.spend(6 * variable.watches.length);
      for (const { set, nogood } of variable.watches) {
        if (isSubset(variable.domain, set)) this.evaluate(nogood);
      }
    }
    const { conflict } = this;
    this.conflict = undefined;
    return conflict;
  }

  /**
   * Where all terms but one are true, that one must be false; where all are, there is a conflict. Terms that are not
   * true move to the front, so that a nogood of many terms is mostly done with after two of them. Once there is a
   * conflict, nothing more is concluded.
   */
  private evaluate(nogood: Nogood): void {
    if (this.conflict !== undefined) return;
    const { terms } = nogood;
    let [at, notTrue] = [0, 0];
    let isFalse = false;
    for (const term of terms) {
      const { domain } = term.variable;
      if (!isSubset(domain, term.set)) {
        terms[at] = terms[notTrue] ?? term;
        terms[notTrue] = term;
        notTrue += 1;
        isFalse = isDisjoint(domain, term.set);
        if (isFalse || notTrue === 2) break;
      }
      at += 1;
    }
    this.options.effort.spend((at + 1) * 12);
    const [open] = terms;
    if (notTrue === 0 || open === undefined) this.conflict = nogood;
    else if (notTrue === 1 && !isFalse) {
      this.assign(open.variable, without(open.variable.domain, open.set), nogood);
    }
  }

  /** Takes back what was decided above a level; what follows from the rest all the same is concluded again. */
  private backTo(level: number): void {
    const reasons = this.trail.backTo(level);
    for (const dropped of this.order.splice(this.lengths[level] ?? this.order.length))
      dropped.isOrdered = false;
    this.lengths.length = level;
    for (const waiting of this.queue.splice(0)) waiting.isQueued = false;
    for (const reason of reasons) this.evaluate(reason);
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
