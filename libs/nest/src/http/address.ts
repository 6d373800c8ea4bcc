import ipaddr from 'ipaddr.js';

/**
 * Whether an address is one of the public internet, the only kind that a guest of an engine or a webhook reaches unless
 * the operator opened more.
 * Anything that is, embeds or could be translated to another kind is not: loopback, private, link-local, shared,
 * multicast, documentation, benchmark, IPv4-mapped and -compatible, NAT64, 6to4, Teredo, and what cannot be read.
 */
export function isPublicAddress(text: string): boolean {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).range() === 'unicast';
  if (!ipaddr.IPv6.isValid(text)) return false;
  const address = ipaddr.IPv6.parse(text);
  return address.zoneId === undefined && isGlobalUnicast(address) && address.range() === 'unicast';
}

/** RFC 4291 §2.4: all of the public IPv6 internet lies in 2000::/3; `::/96`, fec0::/10 and such lie outside. */
function isGlobalUnicast(address: ipaddr.IPv6): boolean {
  return address.match(ipaddr.IPv6.parse('2000::'), 3);
}

/** The IP literal a URL's host stands for, without the brackets of IPv6; undefined for a name. */
export function literalOf(hostname: string): string | undefined {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return ipaddr.isValid(bare) ? bare : undefined;
}

/** One spelling per address, IPv4-mapped ones as IPv4, so that addresses can be compared. */
export function canonicalAddress(text: string): string {
  return ipaddr.isValid(text) ? ipaddr.process(text).toString() : text;
}
