import { collect, takeBody } from './body.js';
import { ask, listOf, matchStored, type Query, store, storedOf, variesByEverything } from './cache-ops.js';
import { cachedFetch } from './cached-fetch.js';
import { DOMException } from './dom-exception.js';
import { fetch } from './fetch.js';
import { headersFromList } from './headers.js';
import { Request } from './request.js';
import { Response } from './response.js';
import { defineInterface, toDictionary } from './webidl.js';

type RequestInput = Request | { toString(): string };

/** What `find` answers, see `CachedEntry` of `src/types.ts`. */
interface Entry {
  readonly id: number;
  readonly url: string;
  readonly requestHeaders: string[];
}

const illegal = {};

/** Service Workers §5.4, kept by the engine; see docs/handler.md for where it differs. */
export class Cache {
  readonly #name: string;

  constructor(key: object, name = '') {
    if (key !== illegal) throw new TypeError('Illegal constructor');
    this.#name = name;
  }

  async match(request: RequestInput, options?: object): Promise<Response | undefined> {
    const query = queryOf(request, options);
    return query === undefined ? undefined : (await matchStored({ ...query, cache: this.#name }))?.response;
  }

  async matchAll(request?: RequestInput, options?: object): Promise<readonly Response[]> {
    const entries = await this.#find(request, options);
    const responses = await Promise.all(entries.map(({ id }) => storedOf('cache.body', { id })));
    return Object.freeze(responses.flatMap((stored) => (stored === undefined ? [] : [stored.response])));
  }

  async add(request: RequestInput): Promise<void> {
    await this.addAll([request]);
  }

  async addAll(requests: Iterable<RequestInput>): Promise<void> {
    const all = [...requests].map((one) => storableRequest(one));
    if (new Set(all.map(({ url }) => url)).size < all.length) {
      throw new DOMException('one address is named twice', 'InvalidStateError');
    }
    // All of them or none: what is not to be stored is found out before anything is.
    const responses = await Promise.all(
      all.map(async (request) => {
        const response = await fetch(request.clone());
        if (!response.ok || response.status === 206) {
          throw new TypeError(`${request.url} was answered with ${response.status}`);
        }
        if (variesByEverything(response)) throw new TypeError(`${request.url} varies by everything`);
        return { request, response };
      }),
    );
    await Promise.all(responses.map(({ request, response }) => this.put(request, response)));
  }

  async put(request: RequestInput, response: Response): Promise<void> {
    const { url, headers } = storableRequest(request);
    if (!(response instanceof Response)) throw new TypeError('a cache keeps responses');
    if (response.status === 206) throw new TypeError('a part of a response is not stored');
    if (variesByEverything(response))
      throw new TypeError('a response that varies by everything is not stored');
    if (response.bodyUsed || response.body?.locked === true) throw new TypeError('the body was read before');
    const source = takeBody(response);
    const bytes = source === null ? undefined : await collect(source);
    await store(this.#name, { url, headers }, response, bytes);
  }

  async delete(request: RequestInput, options?: object): Promise<boolean> {
    const query = queryOf(request, options);
    return query !== undefined && (await ask('cache.delete', { ...query, cache: this.#name })) === true;
  }

  async keys(request?: RequestInput, options?: object): Promise<readonly Request[]> {
    const entries = await this.#find(request, options);
    return Object.freeze(
      entries.map(
        ({ url, requestHeaders }) => new Request(url, { headers: headersFromList(requestHeaders, 'none') }),
      ),
    );
  }

  async #find(request: RequestInput | undefined, options: object | undefined): Promise<readonly Entry[]> {
    if (request === undefined) return (await ask('cache.find', { cache: this.#name })) as Entry[];
    const query = queryOf(request, options);
    return query === undefined ? [] : ((await ask('cache.find', { ...query, cache: this.#name })) as Entry[]);
  }
}

defineInterface(Cache, 'Cache', { match: 1, add: 1, addAll: 1, put: 2, delete: 1 });

/** Service Workers §5.5. `default` is the cache of that name. */
export class CacheStorage {
  readonly #default = new Cache(illegal, 'default');

  constructor(key: object) {
    if (key !== illegal) throw new TypeError('Illegal constructor');
  }

  get default(): Cache {
    return this.#default;
  }

  async match(request: RequestInput, options?: object): Promise<Response | undefined> {
    const query = queryOf(request, options);
    const { cacheName } = toDictionary(options, 'match');
    if (query === undefined) return undefined;
    const cache = cacheName === undefined ? undefined : String(cacheName);
    return (await matchStored({ ...query, cache }))?.response;
  }

  async has(name: string): Promise<boolean> {
    return (await ask('cache.has', { cache: String(name) })) === true;
  }

  async open(name: string): Promise<Cache> {
    await ask('cache.open', { cache: String(name) });
    return new Cache(illegal, String(name));
  }

  async delete(name: string): Promise<boolean> {
    return (await ask('cache.drop', { cache: String(name) })) === true;
  }

  async keys(): Promise<string[]> {
    return (await ask('cache.names', {})) as string[];
  }
}

defineInterface(CacheStorage, 'CacheStorage', { match: 1, has: 1, open: 1, delete: 1 });

export const caches = new CacheStorage(illegal);

/** `env.CACHE`: the default cache, with a `fetch` that looks there first, and when the network fails. */
export const defaultCache: Cache & { fetch: typeof cachedFetch } = Object.assign(caches.default, {
  fetch: cachedFetch,
});

/** Undefined for a request that nothing stored can fit. */
function queryOf(input: RequestInput, options: object | undefined): Query | undefined {
  const { ignoreSearch, ignoreMethod, ignoreVary } = toDictionary(options, 'a cache');
  const request = input instanceof Request ? input : new Request(input);
  if (request.method !== 'GET' && ignoreMethod !== true) return undefined;
  return {
    url: request.url,
    headers: listOf(request.headers),
    ignoreSearch: Boolean(ignoreSearch),
    ignoreVary: Boolean(ignoreVary),
  };
}

function storableRequest(input: RequestInput): Request {
  const request = input instanceof Request ? input : new Request(input);
  if (request.method !== 'GET') throw new TypeError('only responses to GET are stored');
  if (!/^https?:/.test(request.url)) throw new TypeError('only http and https addresses are stored');
  return request;
}
