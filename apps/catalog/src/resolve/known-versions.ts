import { type Candidate, type Digest, isName, parseName, type VersionState } from '@proxylet/contract';
import type { DataSource, EntityManager } from 'typeorm';
import { statement } from '../database/sql.js';
import { type HeadRow } from '../proxylet/read-sql.js';
import { parseFacts } from '../proxylet/version-facts.js';
import type { ReadRights } from '../rights/read-rights.js';

/** Versions of one name that are looked at, the highest first. */
const maxVersions = 1000;
/** Versions kept in memory of all names, read and taken apart: about a kilobyte each. */
const maxKept = 20_000;

type Head = Pick<HeadRow, 'id' | 'namespace' | 'name' | 'revision' | 'visibility'>;
/** By a JSON list of `{n, s}`: namespace and name. */
const findHeads = statement<Head>(
  `SELECT p.id, p.namespace, p.name, p.revision, p.visibility
   FROM json_to_recordset($1::json) AS x (n text, s text)
   JOIN proxylet p ON p.namespace = x.n COLLATE "C" AND p.name = x.s COLLATE "C"`,
  `SELECT p.id, p.namespace, p.name, p.revision, p.visibility FROM json_each($1) AS x
   JOIN proxylet p ON p.namespace = x.value ->> 'n' AND p.name = x.value ->> 's'`,
);

interface CandidateRow {
  readonly proxylet: number;
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly facts: string;
  readonly state: VersionState;
  readonly reason: string;
}
/** Asked for row by row: a join with all the states would be read whole by PostgreSQL, which takes a list for a long one. */
const newestState = (column: string): string =>
  `(SELECT s.${column} FROM version_state s WHERE s.version_id = v.id ORDER BY s.id DESC LIMIT 1) AS ${column}`;
const candidatesOf = (ids: string): string =>
  `SELECT v.proxylet_id AS proxylet, v.version, v.digest, v.size_bytes AS "sizeBytes", v.facts,
     ${newestState('state')}, ${newestState('reason')}
   FROM ${ids} JOIN version v ON v.proxylet_id = p.id
   WHERE v.precedence >= COALESCE((SELECT y.precedence FROM version y WHERE y.proxylet_id = p.id
     ORDER BY y.precedence DESC LIMIT 1 OFFSET ${maxVersions - 1}), '')
   ORDER BY v.proxylet_id, v.precedence DESC`;
/** By a JSON list of ids; the highest of each first. */
const findCandidates = statement<CandidateRow>(
  candidatesOf('(SELECT CAST(json_array_elements_text($1::json) AS integer) AS id) p'),
  candidatesOf('(SELECT value AS id FROM json_each($1)) p'),
);

interface Kept {
  readonly revision: number;
  readonly versions: readonly Candidate[];
}

/**
 * Versions of proxylets as resolution wants them, of one database. They are kept in memory while the proxylet's row
 * says that nothing about it changed, which every use looks up: so what is answered is what was committed.
 */
export class KnownVersions {
  private static readonly all = new WeakMap<DataSource, KnownVersions>();
  private readonly kept = new Map<number, Kept>();
  private count = 0;

  static of({ dataSource }: EntityManager): KnownVersions {
    const known = KnownVersions.all.get(dataSource) ?? new KnownVersions();
    KnownVersions.all.set(dataSource, known);
    return known;
  }

  /** Highest first; names that are unknown, or not for this reader, are left out. */
  async find(
    manager: EntityManager,
    reader: ReadRights,
    names: readonly string[],
  ): Promise<Map<string, readonly Candidate[]>> {
    const asked = names.filter(isName).map((name) => {
      const { namespace: n, name: s } = parseName(name);
      return { n, s };
    });
    const heads: Head[] = [];
    for (const head of await findHeads(manager, [JSON.stringify(asked)]))
      if (await reader.mayRead(manager, head)) heads.push(head);
    const versions = await this.versionsOf(manager, heads);
    return new Map(heads.map(({ id, namespace, name }) => [`${namespace}/${name}`, versions.get(id) ?? []]));
  }

  private async versionsOf(
    manager: EntityManager,
    heads: readonly Head[],
  ): Promise<Map<number, readonly Candidate[]>> {
    const found = new Map<number, readonly Candidate[]>();
    // What a transaction sees may be taken back.
    const mayKeep = manager.queryRunner === undefined;
    for (const { id, revision } of heads) {
      const kept = mayKeep ? this.take(id, revision) : undefined;
      if (kept !== undefined) found.set(id, kept);
    }
    const missing = heads.filter(({ id }) => !found.has(id));
    if (missing.length === 0) return found;
    const rows = await findCandidates(manager, [JSON.stringify(missing.map(({ id }) => id))]);
    const byProxylet = Map.groupBy(rows, ({ proxylet }) => proxylet);
    for (const { id, revision } of missing) {
      const versions = (byProxylet.get(id) ?? []).map(candidateOf);
      found.set(id, versions);
      if (mayKeep) this.keep(id, { revision, versions });
    }
    return found;
  }

  private take(id: number, revision: number): readonly Candidate[] | undefined {
    const kept = this.kept.get(id);
    if (kept === undefined) return undefined;
    this.forget(id, kept);
    if (kept.revision !== revision) return undefined;
    this.keep(id, kept);
    return kept.versions;
  }

  private keep(id: number, kept: Kept): void {
    const before = this.kept.get(id);
    if (before !== undefined) this.forget(id, before);
    this.kept.set(id, kept);
    this.count += kept.versions.length + 1;
    for (const [oldest, value] of this.kept) {
      if (this.count <= maxKept) return;
      this.forget(oldest, value);
    }
  }

  private forget(id: number, { versions }: Kept): void {
    this.kept.delete(id);
    this.count -= versions.length + 1;
  }
}

function candidateOf({ version, digest, sizeBytes, facts, state, reason }: CandidateRow): Candidate {
  const { runtime, capabilities, dependencies, permissions } = parseFacts(facts);
  return {
    version,
    digest,
    sizeBytes,
    state,
    stateReason: reason,
    runtime,
    capabilities,
    dependencies,
    permissions,
  };
}
