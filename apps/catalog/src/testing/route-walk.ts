import type { Answer, Caller } from './catalog-under-test.js';
import type { Row } from './rights-kinds.js';

export interface ApiRoute {
  /** As the API description says it: `GET /v1/proxylets/{ns}/{name}`. */
  readonly route: string;
  readonly method: string;
  /** An address of it, of what exists where the route is about something. */
  readonly url: string;
  /** Whether it takes no token at all. */
  readonly isOpen: boolean;
}

interface ApiDescription {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly security: readonly unknown[] }>>>
  >;
}

const existing: Readonly<Record<string, string>> = { ns: 'acme', name: 'pub', v: '1.0.0', channel: 'next' };

/** The routes under `/v1/` of an API description. */
export function apiRoutes(description: unknown): ApiRoute[] {
  const { paths } = description as ApiDescription;
  return Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(([verb, { security }]) => ({
        route: `${verb.toUpperCase()} ${path}`,
        method: verb.toUpperCase(),
        url: path.replaceAll(/\{([^}]+)\}/g, (_all, name: string) => existing[name] ?? 'x'),
        isOpen: security.length === 0,
      })),
    );
}

/** Routes that no row of a table calls. */
export function routesWithoutRow(routes: readonly ApiRoute[], rows: readonly Row[]): string[] {
  const called: string[] = [];
  const recorder = recording((method, path) => called.push(`${method} ${path.split('?', 1)[0] ?? ''}`));
  for (const { call } of rows) void call(recorder, {}, undefined);
  return routes
    .filter(({ route }) => {
      const form = new RegExp(`^${route.replaceAll(/\{[^}]+\}/g, '[^/]*')}$`);
      return !called.some((one) => form.test(one));
    })
    .map(({ route }) => route);
}

/** A caller that only notes what would be sent. */
function recording(note: (method: string, path: string) => void): Caller {
  const as = (method: string) => (path: string) => {
    note(method, path);
    return Promise.resolve({ status: 0, body: {} } as Answer);
  };
  return {
    get: as('GET'),
    head: as('HEAD'),
    download: as('GET'),
    put: as('PUT'),
    patch: as('PATCH'),
    post: as('POST'),
    delete: as('DELETE'),
    send: as('PUT'),
    sendPost: as('POST'),
    sendPatch: as('PATCH'),
    publish: ({ name }) => as('PUT')(`/v1/proxylets/${name}/versions/1.0.0`),
  };
}
