import { firstBit, intersection } from './resolve-bits.js';
import type { Constraint, Edge, Variable } from './resolve-nogood.js';

/** Links of a chain that are shown; of a longer one the first two and the last ones are. */
const linksMax = 6;

/** A fact of a contradiction, and who asks. */
export interface Demand {
  readonly edge: Edge;
  /** The chain of wants from the caller on, in words. */
  readonly by: string;
  readonly depth: number;
  /** Of a link among the versions of its name, 1 for the highest; of a want among the wants. */
  readonly rank: number;
  /** The want of the request where the chain begins. */
  readonly pointer: string;
}

interface Chain {
  readonly links: readonly string[];
  readonly rank: number;
  readonly pointer: string;
}

const emptyChain: Chain = { links: [], rank: 0, pointer: '/wants' };

/** Finds for each fact of a contradiction the shortest chain of wants that leads to it. */
export class Chains {
  /** The first edge, breadth first from the wants, that leads to a name. */
  private readonly parents = new Map<Variable, Edge>();
  private readonly found = new Map<Edge, Chain>();

  constructor(
    edges: readonly Edge[],
    private readonly wants: readonly Constraint[],
  ) {
    const bySource = new Map<Variable | undefined, Edge[]>();
    for (const edge of edges) {
      const source = 'variable' in edge.source ? edge.source.variable : undefined;
      const others = bySource.get(source);
      if (others === undefined) bySource.set(source, [edge]);
      else others.push(edge);
    }
    const open: (Variable | undefined)[] = [undefined];
    for (const source of open) {
      for (const edge of bySource.get(source) ?? []) {
        if (this.parents.has(edge.target)) continue;
        this.parents.set(edge.target, edge);
        open.push(edge.target);
      }
    }
  }

  demand(edge: Edge): Demand {
    const { links, rank, pointer } = this.chain(edge);
    const shown = links.length > linksMax ? [...links.slice(0, 2), '…', ...links.slice(3 - linksMax)] : links;
    return { edge, by: shown.join(' → '), depth: links.length, rank, pointer };
  }

  /** Parents lie nearer to the wants, so that this ends; a list keeps long chains off the call stack. */
  private chain(edge: Edge): Chain {
    const path: Edge[] = [];
    let at: Edge | undefined = edge;
    while (at !== undefined && !this.found.has(at)) {
      path.push(at);
      at = 'variable' in at.source ? this.parents.get(at.source.variable) : undefined;
    }
    let chain: Chain = (at === undefined ? undefined : this.found.get(at)) ?? emptyChain;
    for (const one of path.toReversed()) {
      chain = this.extended(chain, one);
      this.found.set(one, chain);
    }
    return chain;
  }

  private extended({ links, pointer }: Chain, { source }: Edge): Chain {
    if (!('variable' in source)) {
      const rank = this.wants.indexOf(source);
      return { links: [source.by], rank, pointer: source.pointer ?? '/wants' };
    }
    const { shelf } = source.variable;
    const reached = this.parents.get(source.variable)?.admitted;
    const both = reached === undefined ? -1 : firstBit(intersection(reached, source.versions));
    const rank = both > 0 ? both : firstBit(source.versions);
    return { links: [...links, `${shelf.name} ${shelf.release(rank)?.version ?? ''}`], rank, pointer };
  }
}
