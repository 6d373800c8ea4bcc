/** Collects durations in ms without a loss of exactness; sorted once, when asked for a quantile. */
export class Latencies {
  count = 0;
  #values = new Float64Array(1 << 16);
  #isSorted = false;

  add(ms) {
    if (this.count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.count] = ms;
    this.count += 1;
    this.#isSorted = false;
  }

  /** The smallest duration that a share of `q` (0 to 1) does not exceed; NaN when there is none. */
  quantile(q) {
    const values = this.#values.subarray(0, this.count);
    if (!this.#isSorted) values.sort();
    this.#isSorted = true;
    return values[Math.min(this.count - 1, Math.floor(q * this.count))] ?? NaN;
  }
}

/** Middle of a list; the mean of the middle two for an even one. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
