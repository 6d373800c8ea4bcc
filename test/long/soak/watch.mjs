import { readdirSync } from 'node:fs';
import { childrenOf, residentBytes } from '@proxylet/testing';

const everyMs = 1000;
/** Of a run, in which pools, caches and the compiler settle; not judged. */
const warmUp = 0.25;
/** Runs below this are too short for a trend. */
const judgedFromSeconds = 300;
/** Largest growth of the fitted line over what is judged. */
const limits = {
  engineMb: { share: 0.15, atLeast: 20 },
  runnersMb: { share: 0.2, atLeast: 60 },
  openFiles: { share: 0.1, atLeast: 15 },
};

/** Memory and open files of the engine and its runners over time. */
export class ProcessWatch {
  #samples = [];
  #timer;
  #startMs = performance.now();

  constructor(pid) {
    this.pid = pid;
    this.#timer = setInterval(() => this.#sample(), everyMs);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /** For each figure: the line through it. `faults` names what grew. */
  report() {
    const seconds = (performance.now() - this.#startMs) / 1000;
    const kept = this.#samples.filter(({ atS }) => atS >= seconds * warmUp);
    const isJudged = seconds >= judgedFromSeconds;
    const lines = Object.keys(limits).map((name) => [name, lineThrough(kept, name)]);
    const faults = isJudged ? lines.flatMap(([name, line]) => faultOf(name, line)) : [];
    return { figures: { isJudged, ...Object.fromEntries(lines) }, faults };
  }

  #sample() {
    const runners = childrenOf(this.pid).map((pid) => residentBytes(pid) ?? 0);
    this.#samples.push({
      atS: (performance.now() - this.#startMs) / 1000,
      engineMb: (residentBytes(this.pid) ?? 0) / 1024 / 1024,
      runnersMb: runners.reduce((sum, bytes) => sum + bytes, 0) / 1024 / 1024,
      openFiles: openFilesOf(this.pid),
    });
  }
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
function lineThrough(samples, name) {
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
