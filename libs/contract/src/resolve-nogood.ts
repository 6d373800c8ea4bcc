import { type Bits, fullBits, intersection, isDisjoint, isEmpty, isSubset, without } from './resolve-bits.js';
import type { Ask, Shelf } from './resolve-shelf.js';

/** One want of a resolution, and who asks in words (`you`, `service demo/smart-grid 1.0.0`). */
export type Constraint = Ask & {
  readonly name: string;
  readonly by: string;
  /** JSON pointer to the want in the request; `/wants` by default. */
  readonly pointer?: string | undefined;
};

/** A name whose version is to be found, with the versions that are still possible. */
export class Variable {
  readonly full: Bits;
  domain: Bits;
  /** Nogoods with a term on this name: something follows only when that term has become true. */
  watches: { readonly set: Bits; readonly nogood: Nogood }[] = [];
  /** What each version looked at so far needs. */
  readonly needs = new Map<number, Needs>();
  /** The nogoods of these by target. */
  readonly stated = new Map<string, Nogood[]>();
  /** Place of the newest change of `domain` on the solver's trail; -1 for none. */
  newest = -1;
  isOrdered = false;
  isQueued = false;

  constructor(readonly shelf: Shelf) {
    this.full = fullBits(shelf.size);
    this.domain = this.full;
  }

  /** Lets go of nogoods that are met for good. Only where no domain will grow again: at the root. */
  forgetMet(): void {
    this.watches = this.watches.filter(({ nogood }) =>
      nogood.terms.every(({ variable, set }) => !isDisjoint(variable.domain, set)),
    );
  }
}

export interface Needs {
  readonly targets: readonly Variable[];
  readonly nogoods: readonly Nogood[];
}

/** "The version of the name is in the set." */
export interface Term {
  readonly variable: Variable;
  readonly set: Bits;
}

/** Terms that cannot all be true: what a want or a dependency says, or what was learned from others. */
export interface Nogood {
  /** In any order; the solver changes it. */
  readonly terms: Term[];
  /** Set where it is no conclusion but a fact. */
  readonly edge?: Edge | undefined;
  readonly from: readonly Nogood[];
}

/** "These versions of the source (or the caller) need the target within what is asked." */
export interface Edge {
  readonly source: Constraint | { readonly variable: Variable; readonly versions: Bits };
  readonly target: Variable;
  readonly ask: Ask;
  readonly admitted: Bits;
}

export function wantNogood(want: Constraint, target: Variable): Nogood {
  const admitted = target.shelf.admitted(want);
  const edge: Edge = { source: want, target, ask: want, admitted };
  return { terms: termsOf([{ variable: target, set: without(target.full, admitted) }]), edge, from: [] };
}

/** Undefined where the versions meet their own need: a proxylet may depend on itself. */
export function needNogood(
  variable: Variable,
  versions: Bits,
  target: Variable,
  range: string,
): Nogood | undefined {
  const admitted = target.shelf.admitted({ range });
  const edge: Edge = { source: { variable, versions }, target, ask: { range }, admitted };
  const missing = without(target.full, admitted);
  if (target !== variable) {
    const terms = termsOf([
      { variable, set: versions },
      { variable: target, set: missing },
    ]);
    return { terms, edge, from: [] };
  }
  const set = intersection(versions, missing);
  return isEmpty(set) ? undefined : { terms: [{ variable, set }], edge, from: [] };
}

/** A term that is always true says nothing. */
function termsOf(terms: readonly Term[]): Term[] {
  return terms.filter(({ variable, set }) => !isSubset(variable.full, set));
}
