/**
 * Cookies share one jar per host, so the engine's console and every proxylet meet there. Names that begin like the
 * platform's own belong to the platform: guests neither see nor set them.
 */
const ownPrefixes = ['proxylet', '__host-', '__secure-proxylet'];

export function isOwnCookie(name: string): boolean {
  const lower = name.trim().toLowerCase();
  return ownPrefixes.some((prefix) => lower.startsWith(prefix));
}

/** A `Cookie` header without the platform's own cookies; undefined when none are left. */
export function guestCookies(header: string): string | undefined {
  const kept = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !isOwnCookie(pair.split('=', 1)[0] ?? ''));
  return kept.length === 0 ? undefined : kept.join('; ');
}

/** A guest's `Set-Cookie`, confined to its own path on this host; undefined where it may not set that cookie. */
export function confineSetCookie(header: string, path: string): string | undefined {
  const [pair = '', ...attributes] = header.split(';').map((part) => part.trim());
  if (!pair.includes('=') || isOwnCookie(pair.split('=', 1)[0] ?? '')) return undefined;
  const kept = attributes.filter((attribute) => {
    const name = (attribute.split('=', 1)[0] ?? '').trim().toLowerCase();
    return name !== '' && name !== 'path' && name !== 'domain';
  });
  return [pair, ...kept, `Path=${path}`].join('; ');
}
