import { statement } from '../database/sql.js';

/** Statements that keep the search index; those that read it are in `search-stage.ts`. */

export interface DocHead {
  readonly digest: string;
  readonly standing: number;
  readonly format: number;
  readonly item: string;
  /** JSON list of pairs: id of a word, and the tier in which it fits. */
  readonly words: string;
}
export const findDoc = statement<DocHead>(
  'SELECT digest, standing, format, item, words FROM search_doc WHERE proxylet_id = $1',
);
export const putDoc = statement(
  `INSERT INTO search_doc (proxylet_id, format, digest, standing, skeleton, name, is_popular, item, words)
   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
   ON CONFLICT (proxylet_id) DO UPDATE SET format = excluded.format, digest = excluded.digest,
     standing = excluded.standing, skeleton = excluded.skeleton, name = excluded.name,
     is_popular = excluded.is_popular, item = excluded.item, words = excluded.words`,
);

export interface Word {
  readonly id: number;
  readonly word: string;
}
/** By a JSON list of words. PostgreSQL takes an array for a short list and a SELECT for a long one. */
export const findWords = statement<Word>(
  `SELECT id, word FROM search_word WHERE word = ANY (ARRAY(SELECT json_array_elements_text($1::json) COLLATE "C"))`,
  `SELECT id, word FROM search_word WHERE word IN (SELECT value FROM json_each($1))`,
);
/** Two transactions that add the same words must not wait for each other crosswise; held to the end of each. */
export const lockWords = statement(
  `SELECT pg_advisory_xact_lock(hashtextextended('search words', 0))`,
  'SELECT 1',
);
export const insertWords = statement<Word>(
  `INSERT INTO search_word (word) SELECT json_array_elements_text($1::json)
   ON CONFLICT DO NOTHING RETURNING id, word`,
  `INSERT INTO search_word (word) SELECT value FROM json_each($1) WHERE 1 = 1
   ON CONFLICT DO NOTHING RETURNING id, word`,
);
/** From a JSON list of `{v, w}`. */
export const insertVariants = statement(
  `INSERT INTO search_variant (variant, word_id)
   SELECT x.v, x.w FROM json_to_recordset($1::json) AS x (v integer, w integer) ON CONFLICT DO NOTHING`,
  `INSERT INTO search_variant (variant, word_id)
   SELECT x.value ->> 'v', x.value ->> 'w' FROM json_each($1) AS x WHERE 1 = 1 ON CONFLICT DO NOTHING`,
);
/** Which of a JSON list of word ids have variants. */
export const findForgiving = statement<{ word_id: number }>(
  `SELECT DISTINCT x.word_id FROM search_variant x
   JOIN json_to_recordset($1::json) AS w (v integer, w integer) ON x.variant = w.v AND x.word_id = w.w`,
  `SELECT DISTINCT x.word_id FROM json_each($1) AS w
   JOIN search_variant x ON x.variant = w.value ->> 'v' AND x.word_id = w.value ->> 'w'`,
);

/** By a JSON list of word ids. */
export const deletePostings = statement(
  `DELETE FROM search_posting WHERE proxylet_id = $1
   AND word_id = ANY (ARRAY(SELECT CAST(json_array_elements_text($2::json) AS integer)))`,
  `DELETE FROM search_posting WHERE proxylet_id = $1 AND word_id IN (SELECT value FROM json_each($2))`,
);
/** From a JSON list of `{w, r}`. */
export const insertPostings = statement(
  `INSERT INTO search_posting (word_id, rank, proxylet_id)
   SELECT x.w, x.r, $1::integer FROM json_to_recordset($2::json) AS x (w integer, r integer)`,
  `INSERT INTO search_posting (word_id, rank, proxylet_id)
   SELECT x.value ->> 'w', x.value ->> 'r', $1 FROM json_each($2) AS x`,
);
/** By a JSON list of word ids. */
export const deleteFacets = statement(
  `DELETE FROM search_facet WHERE (namespace, name) = (SELECT p.namespace, p.name FROM proxylet p WHERE p.id = $1)
   AND word_id = ANY (ARRAY(SELECT CAST(json_array_elements_text($2::json) AS integer)))`,
  `DELETE FROM search_facet WHERE (namespace, name) = (SELECT p.namespace, p.name FROM proxylet p WHERE p.id = $1)
   AND word_id IN (SELECT value FROM json_each($2))`,
);
/** From a JSON list of word ids. */
export const insertFacets = statement(
  `INSERT INTO search_facet (word_id, namespace, name, proxylet_id)
   SELECT CAST(x.value AS integer), p.namespace, p.name, p.id
   FROM json_array_elements_text($2::json) AS x (value) JOIN proxylet p ON p.id = $1 ON CONFLICT DO NOTHING`,
  `INSERT INTO search_facet (word_id, namespace, name, proxylet_id)
   SELECT x.value, p.namespace, p.name, p.id
   FROM json_each($2) AS x JOIN proxylet p ON p.id = $1 WHERE 1 = 1 ON CONFLICT DO NOTHING`,
);
/** Moves rows of a proxylet as one, by a JSON list of word ids. */
export const shiftPostings = statement(
  `UPDATE search_posting SET rank = rank + $2 WHERE proxylet_id = $1
   AND word_id = ANY (ARRAY(SELECT CAST(json_array_elements_text($3::json) AS integer)))`,
  `UPDATE search_posting SET rank = rank + $2 WHERE proxylet_id = $1
   AND word_id IN (SELECT value FROM json_each($3))`,
);
export const setStanding = statement(
  'UPDATE search_doc SET standing = $2, is_popular = $3 WHERE proxylet_id = $1',
);

/** Proxylets that are not indexed in this form. */
export const findUnindexed = statement<{ id: number; namespace: string; name: string }>(
  `SELECT p.id, p.namespace, p.name FROM proxylet p WHERE p.shown_version_id IS NOT NULL
   AND NOT EXISTS (SELECT 1 FROM search_doc d WHERE d.proxylet_id = p.id AND d.format = $1)
   ORDER BY p.id LIMIT $2`,
);

export interface Shown {
  readonly id: number;
  readonly namespace: string;
  readonly name: string;
  readonly latest: number | null;
  readonly version: string;
  readonly facts: string;
  readonly readme: string | null;
  readonly published_at: string;
  readonly state: string;
  readonly downloads: number | string | null;
  readonly dependants: number | null;
}
/** All the index tells of a proxylet. */
export const findShown = statement<Shown>(
  `SELECT p.id, p.namespace, p.name, p.latest_version_id AS latest, v.version, v.facts, v.readme, v.published_at,
     s.state, q.downloads, q.dependants
   FROM proxylet p JOIN version v ON v.id = p.shown_version_id
   JOIN version_state s ON s.id = (SELECT MAX(x.id) FROM version_state x WHERE x.version_id = v.id)
   LEFT JOIN popularity q ON q.proxylet_id = p.id
   WHERE p.id = $1`,
);
