import { inWorkspace } from '@proxylet/testing';
import { openTables } from './tables.mjs';
import { proxyletsOf } from './proxylets.mjs';

const catalog = (path) => import(inWorkspace(`apps/catalog/dist/${path}`));
const actor = 'user|http://127.0.0.1:7090|bench';
const batchProxylets = 500;

/**
 * Fills a database with rows as publishing would leave them, without the ledger's: by the product's own schema and
 * its own words and ranks. Everything is public and belongs to nobody who will ask.
 *
 * @param url of a PostgreSQL database; undefined for `catalog.db` in the folder
 */
export async function fill({ url, folder, proxylets, say }) {
  const { Database } = await catalog('index.js');
  await (await Database.open({ url, folder })).close();
  const tables = await openTables({ url, folder });
  const writer = await Writer.make(tables);
  let done = 0;
  let batch = [];
  for (const proxylet of proxyletsOf(proxylets)) {
    batch.push(proxylet);
    if (batch.length < batchProxylets && done + batch.length < proxylets) continue;
    await writer.write(batch);
    done += batch.length;
    batch = [];
    if (done % 10_000 === 0) say(`${done} proxylets`);
  }
  await tables.close();
}

/** Turns proxylets into rows of every table. */
class Writer {
  #namespaces = new Set();
  #words = new Map();
  #versionId = 0;
  #stateId = 0;

  static async make(tables) {
    const parts = await Promise.all(
      [
        'search/terms.js',
        'search/rank.js',
        'search/words.js',
        'proxylet/precedence.js',
        'proxylet/version-facts.js',
        'confusable/skeleton.js',
      ].map(catalog),
    );
    return new Writer(tables, Object.assign({}, ...parts));
  }

  constructor(tables, product) {
    this.tables = tables;
    this.product = product;
  }

  async write(proxylets) {
    const rows = {};
    this.rows = rows;
    for (const proxylet of proxylets) this.#proxylet(proxylet);
    await this.tables.insert(rows);
  }

  #add(table, row) {
    (this.rows[table] ??= []).push(row);
  }

  #proxylet(proxylet) {
    const { id, namespace, name, manifest, readme, versions, downloads } = proxylet;
    this.#namespace(namespace);
    const created_at = versions[0].publishedAt;
    const firstVersion = this.#versionId + 1;
    const usable = versions.findLastIndex(({ state }) => state !== 'yanked');
    const shown = firstVersion + (usable < 0 ? versions.length - 1 : usable);
    this.#add('proxylet', {
      id,
      namespace,
      name,
      revision: versions.length,
      latest_version_id: usable < 0 ? null : shown,
      shown_version_id: shown,
      created_at,
      visibility: 'public',
    });
    for (const version of versions) this.#version(proxylet, version);
    this.#add('popularity', { proxylet_id: id, downloads, dependants: 0 });
    this.#index(
      id,
      { namespace, name },
      { ...manifest, version: versions[shown - firstVersion].version },
      readme,
      {
        isSunken: usable < 0,
        newestAt: versions[shown - firstVersion].publishedAt,
        downloads,
      },
    );
  }

  #namespace(namespace) {
    if (this.#namespaces.has(namespace)) return;
    this.#namespaces.add(namespace);
    const created_at = '2025-01-01T00:00:00.000Z';
    this.#add('namespace', {
      name: namespace,
      canonical: namespace.replaceAll('-', ''),
      created_by: actor,
      created_at,
      default_visibility: 'public',
    });
    this.#add('namespace_member', {
      namespace,
      principal: actor,
      role: 'owner',
      added_by: actor,
      added_at: created_at,
    });
    this.#add('namespace_skeleton', { namespace, skeleton: this.product.skeletonOf(namespace) });
  }

  #version({ id, manifest, readme }, { version, state, digest, sizeBytes, publishedAt }) {
    const version_id = (this.#versionId += 1);
    const whole = { ...manifest, version };
    const files = [
      { path: 'proxylet.json', sizeBytes: 700, sha256: digest.slice(7, 71) },
      {
        path: 'dist/index.js',
        sizeBytes: sizeBytes * 3,
        sha256: digest.slice(39) + digest.slice(7, 39),
      },
    ];
    const names = whole.capabilities;
    this.#add('blob', {
      digest,
      size_bytes: sizeBytes,
      stored_at: publishedAt,
      storage_key: `sha256/${digest.slice(7, 9)}/${digest.slice(7)}`,
      state: 'live',
      last_ref_at: publishedAt,
    });
    this.#add('version', {
      id: version_id,
      proxylet_id: id,
      version,
      version_key: version,
      precedence: this.product.precedenceOf(version),
      is_stable: 1,
      digest,
      size_bytes: sizeBytes,
      manifest: JSON.stringify(whole),
      files: JSON.stringify(files),
      facts: JSON.stringify(this.product.factsOf(whole)),
      readme,
      runtime_type: whole.runtime.type,
      capabilities: ` ${names.join(' ')} `,
      published_by: actor,
      published_at: publishedAt,
      warnings: '[]',
    });
    this.#state(version_id, 'published', '', publishedAt);
    if (state !== 'published') this.#state(version_id, state, 'as the bench wants it', publishedAt);
    for (const [target, range] of Object.entries(whole.dependencies))
      this.#add('dependency', { version_id, target, range });
    for (const capability of names) this.#add('version_capability', { version_id, capability, range: '*' });
    for (const file of files)
      this.#add('version_file', {
        version_id,
        path: file.path,
        size_bytes: file.sizeBytes,
        sha256: file.sha256,
      });
  }

  #state(version_id, state, reason, at) {
    this.#add('version_state', { id: (this.#stateId += 1), version_id, state, reason, actor, at });
  }

  #index(proxylet_id, target, manifest, readme, { isSunken, newestAt, downloads }) {
    const {
      termsOf,
      rankOf,
      standingRank,
      popularityOf,
      isPopular,
      factsOf,
      indexFormat,
      isListed,
      skeletonOf,
    } = this.product;
    const popularity = popularityOf(downloads, 0);
    const standing = standingRank({ popularity, newestAt, isSunken });
    const { terms, forgiving } = termsOf(target, factsOf(manifest), readme);
    const words = [...terms].map(([term, tier]) => [this.#word(term), tier]);
    for (const [word_id, tier] of words)
      this.#add('search_posting', { word_id, rank: rankOf(tier) + standing, proxylet_id });
    for (const term of terms.keys())
      if (isListed(term)) this.#add('search_facet', { word_id: this.#word(term), ...target, proxylet_id });
    for (const word of forgiving) this.#variants(word);
    const { name, description, keywords, version, runtime, capabilities } = manifest;
    const item = {
      name,
      description,
      keywords,
      ...(isSunken ? {} : { latest: version }),
      version,
      runtime,
      capabilities,
    };
    this.#add('search_doc', {
      proxylet_id,
      format: indexFormat,
      digest: 'bench',
      standing,
      skeleton: skeletonOf(target.name),
      name: target.name,
      is_popular: isPopular(popularity) ? 1 : 0,
      item: JSON.stringify(item),
      words: JSON.stringify(words),
    });
  }

  #word(word) {
    const known = this.#words.get(word);
    if (known !== undefined) return known.id;
    const id = this.#words.size + 1;
    this.#words.set(word, { id, isForgiving: false });
    this.#add('search_word', { id, word });
    return id;
  }

  #variants(word) {
    const { variantsOf, indexedTypos, hashOf } = this.product;
    this.#word(word);
    const known = this.#words.get(word);
    if (known.isForgiving) return;
    known.isForgiving = true;
    for (const variant of new Set([...variantsOf(word, indexedTypos(word.length))].map(hashOf)))
      this.#add('search_variant', { variant, word_id: known.id });
  }
}
