import { statement } from '../database/sql.js';

export { setStanding, shiftPostings } from './search-sql.js';

/** From a JSON list of digests and counts, `{d, n}`. */
export const addDownloads = statement(
  `INSERT INTO download (version_id, count)
   SELECT v.id, x.n FROM json_to_recordset($1::json) AS x (d text, n integer)
   JOIN version v ON v.digest = x.d COLLATE "C" ORDER BY v.id
   ON CONFLICT (version_id) DO UPDATE SET count = download.count + excluded.count`,
  `INSERT INTO download (version_id, count)
   SELECT v.id, x.value ->> 'n' FROM json_each($1) AS x JOIN version v ON v.digest = x.value ->> 'd' WHERE 1 = 1
   ON CONFLICT (version_id) DO UPDATE SET count = download.count + excluded.count`,
);
export const addPopularity = statement<{ proxylet_id: number }>(
  `INSERT INTO popularity (proxylet_id, downloads, dependants)
   SELECT v.proxylet_id, SUM(x.n), 0 FROM json_to_recordset($1::json) AS x (d text, n integer)
   JOIN version v ON v.digest = x.d COLLATE "C" GROUP BY v.proxylet_id ORDER BY v.proxylet_id
   ON CONFLICT (proxylet_id) DO UPDATE SET downloads = popularity.downloads + excluded.downloads
   RETURNING proxylet_id`,
  `INSERT INTO popularity (proxylet_id, downloads, dependants)
   SELECT v.proxylet_id, SUM(x.value ->> 'n'), 0 FROM json_each($1) AS x
   JOIN version v ON v.digest = x.value ->> 'd' WHERE 1 = 1 GROUP BY v.proxylet_id
   ON CONFLICT (proxylet_id) DO UPDATE SET downloads = popularity.downloads + excluded.downloads
   RETURNING proxylet_id`,
);

export const newestVersion = statement<{ id: number | null }>('SELECT MAX(id) AS id FROM version');
export const newTargets = statement<{ version: number; target: string }>(
  'SELECT version_id AS version, target FROM dependency WHERE version_id > $1 ORDER BY version_id LIMIT $2',
);
/** Proxylets of other namespaces that depend on one; of the first 5 000 rows, which is popular enough. */
export const countDependants = statement<{ count: number | string }>(
  `SELECT COUNT(DISTINCT x.proxylet_id) AS count FROM (
     SELECT v.proxylet_id FROM dependency d JOIN version v ON v.id = d.version_id
     JOIN proxylet p ON p.id = v.proxylet_id
     WHERE d.target = $1 AND p.namespace <> $2 LIMIT 5000) x`,
);
/** From a JSON list of namespace, name and count, `{n, s, c}`; names nobody has published are left out. */
export const setDependants = statement<{ proxylet_id: number }>(
  `INSERT INTO popularity (proxylet_id, downloads, dependants)
   SELECT DISTINCT p.id, 0, x.c FROM json_to_recordset($1::json) AS x (n text, s text, c integer)
   JOIN proxylet p ON p.namespace = x.n COLLATE "C" AND p.name = x.s COLLATE "C" ORDER BY p.id
   ON CONFLICT (proxylet_id) DO UPDATE SET dependants = excluded.dependants RETURNING proxylet_id`,
  `INSERT INTO popularity (proxylet_id, downloads, dependants)
   SELECT DISTINCT p.id, 0, x.value ->> 'c' FROM json_each($1) AS x
   JOIN proxylet p ON p.namespace = x.value ->> 'n' AND p.name = x.value ->> 's' WHERE 1 = 1
   ON CONFLICT (proxylet_id) DO UPDATE SET dependants = excluded.dependants RETURNING proxylet_id`,
);

export interface StandingRow {
  readonly namespace: string;
  readonly name: string;
  readonly standing: number;
  readonly words: string;
  readonly downloads: number | string;
  readonly dependants: number;
}
export const findStanding = statement<StandingRow>(
  `SELECT p.namespace, p.name, d.standing, d.words, q.downloads, q.dependants
   FROM popularity q JOIN proxylet p ON p.id = q.proxylet_id JOIN search_doc d ON d.proxylet_id = q.proxylet_id
   WHERE q.proxylet_id = $1`,
);
