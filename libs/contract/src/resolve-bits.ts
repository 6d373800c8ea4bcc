/** A set of small integers, one bit each. Sets that meet in one operation are of the same size. */
export type Bits = Uint32Array;

export function emptyBits(size: number): Bits {
  return new Uint32Array((size + 31) >>> 5);
}

/** 0 to `size - 1`. */
export function fullBits(size: number): Bits {
  const bits = emptyBits(size).fill(0xffffffff);
  const rest = size & 31;
  if (rest !== 0) bits[bits.length - 1] = 2 ** rest - 1;
  return bits;
}

export function addBit(bits: Bits, index: number): void {
  bits[index >>> 5] = (bits[index >>> 5] ?? 0) | (1 << (index & 31));
}

export function hasBit(bits: Bits, index: number): boolean {
  return ((bits[index >>> 5] ?? 0) & (1 << (index & 31))) !== 0;
}

/** Smallest member; -1 where there is none. */
export function firstBit(bits: Bits): number {
  for (let i = 0; i < bits.length; i += 1) {
    const word = bits[i] ?? 0;
    if (word !== 0) return i * 32 + 31 - Math.clz32(word & -word);
  }
  return -1;
}

export function isEmpty(bits: Bits): boolean {
  return firstBit(bits) < 0;
}

export function isSubset(part: Bits, whole: Bits): boolean {
  for (let i = 0; i < part.length; i += 1) if (((part[i] ?? 0) & ~(whole[i] ?? 0)) !== 0) return false;
  return true;
}

export function isDisjoint(a: Bits, b: Bits): boolean {
  for (let i = 0; i < a.length; i += 1) if (((a[i] ?? 0) & (b[i] ?? 0)) !== 0) return false;
  return true;
}

export function union(a: Bits, b: Bits): Bits {
  const result = new Uint32Array(a);
  for (let i = 0; i < result.length; i += 1) result[i] = (result[i] ?? 0) | (b[i] ?? 0);
  return result;
}

export function intersection(a: Bits, b: Bits): Bits {
  const result = new Uint32Array(a);
  for (let i = 0; i < result.length; i += 1) result[i] = (result[i] ?? 0) & (b[i] ?? 0);
  return result;
}

export function without(a: Bits, b: Bits): Bits {
  const result = new Uint32Array(a);
  for (let i = 0; i < result.length; i += 1) result[i] = (result[i] ?? 0) & ~(b[i] ?? 0);
  return result;
}
