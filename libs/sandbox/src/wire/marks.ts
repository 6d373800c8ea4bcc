/** The file that tells whose code runs: slots of guest key and sequence number, u32 little-endian each. */
export const markBytes = 8;
export const markSlots = 32;

/**
 * Whose code was the cause, in all likelihood, when a runner ended: of what ran on threads of the pool the oldest,
 * since guests come to the runner's own thread by good conduct only; 0 for nobody's.
 */
export function culpritOf(marks: Buffer): number {
  let oldest = 0;
  let since = Number.POSITIVE_INFINITY;
  for (let at = markBytes; at + markBytes <= marks.length; at += markBytes) {
    const key = marks.readUInt32LE(at);
    const sequence = marks.readUInt32LE(at + 4);
    if (key === 0 || sequence >= since) continue;
    oldest = key;
    since = sequence;
  }
  if (oldest > 0 || marks.length < markBytes) return oldest;
  return marks.readUInt32LE(0);
}
