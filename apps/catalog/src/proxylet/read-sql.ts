import type { Digest, Severity, VersionState, Visibility } from '@proxylet/contract';
import { statement } from '../database/sql.js';

/**
 * What the routes that are asked most read, for both databases. Each costs the same however many versions and
 * proxylets there are: everything is found by a key or is the next row of an index.
 */

/** Columns of a version that are small whatever its publisher sent, and its newest state. */
const slimColumns = `v.version, v.digest, v.size_bytes AS "sizeBytes", v.published_at AS "publishedAt",
  s.id AS "stateId", s.state, s.reason, s.severity`;
const newestState = 's.id = (SELECT MAX(x.id) FROM version_state x WHERE x.version_id = v.id)';

export interface SlimRow {
  readonly version: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly publishedAt: string;
  readonly stateId: number | string;
  readonly state: VersionState;
  readonly reason: string;
  readonly severity: Severity | null;
}

export interface HeadRow {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  readonly visibility: Visibility;
  readonly downloads: number | string | null;
}
const headColumns = 'p.id, p.namespace, p.name, p.revision, p.visibility';
const downloadsOf = '(SELECT q.downloads FROM popularity q WHERE q.proxylet_id = p.id) AS downloads';

export const findHead = statement<HeadRow>(
  `SELECT ${headColumns}, ${downloadsOf} FROM proxylet p WHERE p.namespace = $1 AND p.name = $2`,
);

export interface ShownRow extends HeadRow, SlimRow {
  readonly createdAt: string;
  readonly latest: number | null;
  readonly facts: string;
}
/** A proxylet and the version shown of it. */
export const findShown = statement<ShownRow>(
  `SELECT ${headColumns}, p.created_at AS "createdAt", p.latest_version_id AS latest, v.facts, ${slimColumns},
     ${downloadsOf}
   FROM proxylet p JOIN version v ON v.id = p.shown_version_id JOIN version_state s ON ${newestState}
   WHERE p.namespace = $1 AND p.name = $2`,
);

export const findChannels = statement<{ name: string; version: string }>(
  `SELECT c.name, v.version FROM channel c JOIN version v ON v.id = c.version_id
   WHERE c.proxylet_id = $1 ORDER BY c.name`,
);

export interface ListedRow extends SlimRow {
  readonly precedence: string;
  readonly downloads: number | string | null;
}
/** Versions below a precedence, highest first. */
export const listVersions = statement<ListedRow>(
  `SELECT v.precedence, ${slimColumns}, d.count AS downloads
   FROM version v JOIN version_state s ON ${newestState} LEFT JOIN download d ON d.version_id = v.id
   WHERE v.proxylet_id = $1 AND v.precedence < $2 ORDER BY v.precedence DESC LIMIT $3`,
);
/** Above every precedence. */
export const topPrecedence = '\uFFFF';

export interface WholeRow extends Pick<HeadRow, 'namespace' | 'name' | 'visibility'>, SlimRow {
  /** Of the version. */
  readonly id: number;
  readonly publishedBy: string;
  readonly manifest: string;
  readonly files: string;
  readonly warnings: string;
  readonly readme: string | null;
}
/** A version by its number and its number without build metadata, which is the key. */
export const findWhole = statement<WholeRow>(
  `SELECT v.id, p.namespace, p.name, p.visibility, v.published_by AS "publishedBy", v.manifest, v.files, v.warnings, v.readme,
     ${slimColumns}
   FROM proxylet p JOIN version v ON v.proxylet_id = p.id JOIN version_state s ON ${newestState}
   WHERE p.namespace = $1 AND p.name = $2 AND v.version_key = $3 AND v.version = $4`,
);
