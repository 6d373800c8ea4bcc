import { statement } from '../database/sql.js';
import type { VouchedKey, VouchedVersion } from './tuf-content.js';

/** Namespaces that something changed in after one change, up to another. */
export const changedNamespaces = statement<{ namespace: string }>(
  `SELECT DISTINCT namespace FROM change WHERE seq > $1 AND seq <= $2 AND namespace <> ''`,
);
export const allNamespaces = statement<{ namespace: string }>(
  `SELECT DISTINCT namespace FROM proxylet WHERE visibility = 'public'`,
);
/** All that is public, whatever became of it: what was withdrawn is told with its state. */
export const publicVersions = statement<VouchedVersion>(
  `SELECT p.name, v.version, v.digest, v.size_bytes AS "sizeBytes", s.state, s.severity
   FROM proxylet p JOIN version v ON v.proxylet_id = p.id
     JOIN version_state s ON s.id = (SELECT MAX(x.id) FROM version_state x WHERE x.version_id = v.id)
   WHERE p.namespace = $1 AND p.visibility = 'public' ORDER BY p.name, v.precedence`,
);
export const keysOf = statement<VouchedKey>(
  `SELECT key_id AS "keyId", public_key AS "publicKey", state FROM signing_key WHERE namespace = $1 ORDER BY key_id`,
);
interface NewestRow {
  readonly name: string;
  readonly version: number;
  readonly body: string;
  readonly madeAt: string;
}
/** The newest document of each name. */
export const newestDocuments = statement<NewestRow>(
  `SELECT d.name, d.version, d.body, d.made_at AS "madeAt" FROM tuf_document d
   WHERE d.version = (SELECT MAX(x.version) FROM tuf_document x WHERE x.name = d.name)`,
);
/** Readers in the middle of an update may still ask for what was just replaced; roots are asked for one by one. */
export const dropOldDocuments = statement<{ name: string }>(
  `DELETE FROM tuf_document WHERE name <> 'root' AND made_at < $1
     AND version < (SELECT MAX(x.version) FROM tuf_document x WHERE x.name = tuf_document.name) RETURNING name`,
);
