/** Parts of an origin pattern of a manifest: `https://api.example.com`, `https://*.tiles.org:8443`. */
export interface OriginPattern {
  readonly protocol: string;
  /** Without the `*.` of a wildcard. */
  readonly host: string;
  readonly port: string;
  readonly isWildcard: boolean;
}

const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

/** Undefined where the text is no origin pattern; it then allows nothing. */
export function parseOriginPattern(text: string): OriginPattern | undefined {
  const isWildcard = text.includes('://*.');
  const url = parseUrl(isWildcard ? text.replace('://*.', '://') : text);
  if (url === undefined || !isBareOrigin(url)) return undefined;
  return { protocol: url.protocol, host: url.hostname, port: portOf(url), isWildcard };
}

/** Same scheme, same port, and the same host, or for a wildcard a host below it: never the host itself. */
export function matchesOrigin(pattern: OriginPattern, url: URL): boolean {
  if (pattern.protocol !== url.protocol || pattern.port !== portOf(url)) return false;
  return pattern.isWildcard ? url.hostname.endsWith(`.${pattern.host}`) : url.hostname === pattern.host;
}

export function portOf(url: Pick<URL, 'port' | 'protocol'>): string {
  return url.port === '' ? (defaultPorts[url.protocol] ?? '') : url.port;
}

/** The one spelling of an exact http(s) origin, as `URL.origin`; undefined where the text is anything else. */
export function parseOrigin(text: string): string | undefined {
  const url = parseUrl(text);
  return url !== undefined && isBareOrigin(url) && !url.hostname.includes('*') ? url.origin : undefined;
}

/** Patterns an admin names proxylets by: `acme/thumb`, or `acme/*` for a whole namespace. */
export function matchesProxylet(pattern: string, name: string): boolean {
  return pattern.endsWith('/*') ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}

function isBareOrigin(url: URL): boolean {
  const isHttp = url.protocol === 'http:' || url.protocol === 'https:';
  return isHttp && url.pathname === '/' && url.search + url.hash + url.username + url.password === '';
}
