import { BlockList, isIP } from 'node:net';

interface Range {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Whether the text is a range such as `192.0.2.0/24` or `2001:db8::/32`, or one address. */
export function isAddressRange(text: string): boolean {
  return rangeOf(text) !== undefined;
}

/** Whether an address lies in one of the ranges; no range at all means everywhere. */
export function isWithin(ranges: readonly string[], address: string): boolean {
  return ranges.length === 0 || rangeMatcher(ranges)(address);
}

/** Tells whether an address lies in one of the ranges; no range matches none. For ranges that are asked about often. */
export function rangeMatcher(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const text of ranges) {
    const range = rangeOf(text);
    if (range !== undefined) list.addSubnet(range.address, range.bits, range.family);
  }
  return (address) => {
    // Of a socket for both families an IPv4 peer reads ::ffff:192.0.2.1.
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
    const family = familyOf(plain);
    return family !== undefined && list.check(plain, family);
  };
}

function rangeOf(text: string): Range | undefined {
  const [address = '', bits, ...rest] = text.split('/');
  const family = familyOf(address);
  if (family === undefined || rest.length > 0 || address.includes('%')) return undefined;
  const most = family === 'ipv4' ? 32 : 128;
  if (bits === undefined) return { address, bits: most, family };
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > most) return undefined;
  return { address, bits: Number(bits), family };
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? 'ipv4' : 'ipv6';
}
