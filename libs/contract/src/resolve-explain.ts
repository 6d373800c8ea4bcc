import { type Bits, fullBits, intersection, isDisjoint, isEmpty, union } from './resolve-bits.js';
import { Chains, type Demand } from './resolve-chains.js';
import type { Fitness } from './resolve-fitness.js';
import type { Constraint, Edge, Nogood, Variable } from './resolve-nogood.js';
import { against, type Explained, missing } from './resolve-words.js';

/**
 * Says where the facts of a contradiction meet: names that lack what is asked of them, and names of which different
 * versions are asked. Each name comes once; those nearest to the wants come first.
 */
export function explain(
  facts: readonly Nogood[],
  wants: readonly Constraint[],
  fitness: Fitness,
): readonly Explained[] {
  const edges = facts.flatMap(({ edge }) => edge ?? []);
  const chains = new Chains(edges, wants);
  const demands = edges
    .map((edge) => chains.demand(edge))
    .toSorted(
      (a, b) =>
        a.depth - b.depth ||
        compareText(a.edge.target.shelf.name, b.edge.target.shelf.name) ||
        a.rank - b.rank ||
        compareText(a.by, b.by),
    );
  const byTarget = new Map<Variable, Demand[]>();
  for (const demand of demands) {
    const others = byTarget.get(demand.edge.target);
    if (others === undefined) byTarget.set(demand.edge.target, [demand]);
    else others.push(demand);
  }
  const groups = [...byTarget.values()];
  const found = groups.flatMap((group) => obstacleIn(group, fitness) ?? []);
  const all = found.length > 0 ? found : groups.flatMap((group) => entangled(group, fitness) ?? []);
  if (all.length === 0) throw new Error('facts that do not contradict');
  return all;
}

function obstacleIn(group: readonly Demand[], fitness: Fitness): Explained | undefined {
  const unmet = group.find(({ edge }) => isEmpty(edge.admitted));
  if (unmet !== undefined) return missing(unmet, fitness);
  const sides = sidesOf(group);
  return isEmpty(common(sides)) ? against(fewest(sides), fitness) : undefined;
}

/**
 * What several versions of the same names ask in different ways contradicts only as a whole: every name is named
 * whose versions cannot be agreed on where all that was looked at is taken together.
 */
function entangled(group: readonly Demand[], fitness: Fitness): Explained | undefined {
  const sides = group.map((demand) => ({ demand, admitted: demand.edge.admitted }));
  return isEmpty(common(sides)) ? against(fewest(sides), fitness) : undefined;
}

interface Side {
  readonly demand: Demand;
  readonly admitted: Bits;
}

/** One side for each asker: its versions are alternatives, of which the highest speaks for all. */
function sidesOf(group: readonly Demand[]): Side[] {
  const sides = new Map<Edge['source'] | Variable, Side>();
  for (const demand of group) {
    const { source, admitted } = demand.edge;
    const key = 'variable' in source ? source.variable : source;
    const side = sides.get(key);
    sides.set(
      key,
      side === undefined ? { demand, admitted } : { ...side, admitted: union(side.admitted, admitted) },
    );
  }
  return [...sides.values()];
}

function common(sides: readonly Side[]): Bits {
  const size = sides[0]?.demand.edge.target.shelf.size ?? 0;
  return sides.reduce((rest, { admitted }) => intersection(rest, admitted), fullBits(size));
}

/** Two sides that already exclude each other where there are such, else all of them. */
function fewest(sides: readonly Side[]): readonly Demand[] {
  for (const [index, a] of sides.entries()) {
    const b = sides.slice(index + 1).find((other) => isDisjoint(a.admitted, other.admitted));
    if (b !== undefined) return [a.demand, b.demand];
  }
  return sides.map(({ demand }) => demand);
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
