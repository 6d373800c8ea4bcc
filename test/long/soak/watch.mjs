import { readdirSync } from 'node:fs';
import { childrenOf, residentBytes } from '@proxylet/testing';

const everyMs = 1000;
/** The heap is told by `/metrics`, a long text. */
const heapEveryMs = 5000;
/** Of a run, in which pools, caches and the compiler settle; not judged. */
const warmUp = 1 / 3;
/** Runs below this are too short for a trend. */
const judgedFromSeconds = 600;
/**
 * Largest growth of the fitted line over what is judged. What the engine holds shows in its heap; its resident size
 * has in it what `malloc` keeps for each thread, and takes longer to settle.
 */
const limits = {
  engineHeapMb: { share: 0.1, atLeast: 8 },
  engineMb: { share: 0.2, atLeast: 60 },
  runnersMb: { share: 0.2, atLeast: 60 },
  openFiles: { share: 0.1, atLeast: 15 },
};

/** Memory and open files of the engine and its runners over time. */
export class ProcessWatch {
  #samples = [];
  #timers;
  #startMs = performance.now();

  constructor({ pid, url }) {
    this.pid = pid;
    this.url = url;
    this.#timers = [
      setInterval(() => this.#sample(), everyMs),
      // An answer that is late or lost is one sample less.
      setInterval(() => void this.#sampleHeap().catch(() => undefined), heapEveryMs),
    ];
  }

  stop() {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** For each figure: the line through it. `faults` names what grew. */
  report() {
    const seconds = this.#atS();
    const kept = this.#samples.filter(({ atS }) => atS >= seconds * warmUp);
    const isJudged = seconds >= judgedFromSeconds;
    const lines = Object.keys(limits).map((name) => [name, lineThrough(kept, name)]);
    const faults = isJudged ? lines.flatMap(([name, line]) => faultOf(name, line)) : [];
    return { figures: { isJudged, ...Object.fromEntries(lines) }, faults };
  }

  #atS() {
    return (performance.now() - this.#startMs) / 1000;
  }

  /** Old objects only: young ones come and go between two looks. */
  async #sampleHeap() {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const [, bytes] = /^nodejs_heap_space_size_used_bytes\{[^}]*space="old"[^}]*\} (\S+)$/m.exec(text) ?? [];
    if (bytes !== undefined) this.#samples.push({ atS: this.#atS(), engineHeapMb: toMb(Number(bytes)) });
  }

  #sample() {
    const runners = childrenOf(this.pid).map((pid) => residentBytes(pid) ?? 0);
    this.#samples.push({
      atS: this.#atS(),
      engineMb: toMb(residentBytes(this.pid) ?? 0),
      runnersMb: toMb(runners.reduce((sum, bytes) => sum + bytes, 0)),
      openFiles: openFilesOf(this.pid),
    });
  }
}

function toMb(bytes) {
  return bytes / 1024 / 1024;
}

function openFilesOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function faultOf(name, { mean, growth }) {
  const { share, atLeast } = limits[name];
  const most = Math.max(atLeast, mean * share);
  return growth > most ? [`${name} grew by ${growth}, more than ${Math.round(most)}`] : [];
}

/** Least squares: mean, growth from the first to the last sample, growth per hour, and the extremes. */
function lineThrough(all, name) {
  const samples = all.filter((sample) => sample[name] !== undefined);
  if (samples.length < 2) return { mean: 0, growth: 0, perHour: 0, least: 0, most: 0 };
  const values = samples.map((sample) => sample[name]);
  const times = samples.map(({ atS }) => atS);
  const [meanTime, mean] = [meanOf(times), meanOf(values)];
  let [above, below] = [0, 0];
  for (const [index, time] of times.entries()) {
    above += (time - meanTime) * (values[index] - mean);
    below += (time - meanTime) ** 2;
  }
  const slope = below === 0 ? 0 : above / below;
  return {
    mean: round(mean),
    growth: round(slope * ((times.at(-1) ?? 0) - (times[0] ?? 0))),
    perHour: round(slope * 3600),
    least: round(Math.min(...values)),
    most: round(Math.max(...values)),
  };
}

function meanOf(list) {
  return list.reduce((sum, value) => sum + value, 0) / list.length;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
