import { DOMException } from './dom-exception.js';
import { reportException } from './events.js';
import { defineInterface, needArguments, toDictionary } from './webidl.js';

/** What an observer needs to know of an entry. */
interface Entry {
  readonly name: string;
  readonly entryType: string;
  readonly startTime: number;
}

interface Timeline {
  getEntriesByType(type: string): Entry[];
}

const construct = Symbol('construct');
/** In the order of their names, as the standard has it. */
const supported = Object.freeze(['mark', 'measure'] as const);
/** Observers with entries to be told of. */
const waiting = new Set<PerformanceObserver>();
/** Observers that listen, for as long as they do. */
const listening = new Set<PerformanceObserver>();
/** Older entries give way in an observer whose callback does not come about, as they do on the timeline. */
const maxQueued = 1000;

/** Performance Timeline §4.3. */
export class PerformanceObserverEntryList {
  readonly #entries: readonly Entry[];

  constructor(token: symbol, entries: readonly Entry[]) {
    if (token !== construct) throw new TypeError('Illegal constructor');
    this.#entries = entries.toSorted((a, b) => a.startTime - b.startTime);
  }

  getEntries(): Entry[] {
    return [...this.#entries];
  }

  getEntriesByType(type: string): Entry[] {
    const wanted = String(type);
    return this.#entries.filter((entry) => entry.entryType === wanted);
  }

  getEntriesByName(name: string, type?: string): Entry[] {
    const wanted = String(name);
    return this.#entries.filter(
      (entry) => entry.name === wanted && (type === undefined || entry.entryType === String(type)),
    );
  }
}

type Callback = (list: PerformanceObserverEntryList, observer: PerformanceObserver, options: object) => void;

/** An entry came into being: those that listen hear of it after the work at hand. */
export let tellObservers: (entry: Entry) => void;

/** Given by the module of the timeline, whose past an observer may ask for. */
let timeline: (() => Timeline) | undefined;
export function setTimeline(get: () => Timeline): void {
  timeline = get;
}

/** Set by the class, whose own it is. */
let deliverTo: (observer: PerformanceObserver) => void;

/** Performance Timeline §4.2, for marks and measures. */
export class PerformanceObserver {
  readonly #callback: Callback;
  #types = new Set<string>();
  /** `entryTypes` and `type` exclude each other for good. */
  #form: 'several' | 'single' | undefined;
  #queued: Entry[] = [];

  constructor(callback: unknown) {
    needArguments(arguments.length, 1, 'PerformanceObserver');
    if (typeof callback !== 'function') throw new TypeError('a PerformanceObserver takes a function');
    this.#callback = callback as Callback;
  }

  static get supportedEntryTypes(): readonly string[] {
    return supported;
  }

  observe(options?: unknown): void {
    const { entryTypes, type, buffered } = toDictionary(options, 'observe');
    if ((entryTypes === undefined) === (type === undefined)) {
      throw new TypeError('observe takes either entryTypes or type');
    }
    if (entryTypes !== undefined && buffered !== undefined) {
      throw new TypeError('buffered goes with type only');
    }
    const form = type === undefined ? 'several' : 'single';
    if (this.#form !== undefined && this.#form !== form) {
      throw new DOMException('this observer was asked the other way before', 'InvalidModificationError');
    }
    this.#form = form;
    if (type === undefined) {
      const types = [...(entryTypes as Iterable<unknown>)].map(String).filter(isSupported);
      if (types.length === 0) return;
      this.#types = new Set(types);
    } else {
      const wanted = String(type);
      if (!isSupported(wanted)) return;
      this.#types.add(wanted);
      if (buffered as boolean)
        for (const entry of timeline?.().getEntriesByType(wanted) ?? []) this.#queue(entry);
    }
    listening.add(this);
  }

  disconnect(): void {
    listening.delete(this);
    waiting.delete(this);
    this.#types.clear();
    this.#queued = [];
  }

  takeRecords(): Entry[] {
    const taken = this.#queued;
    this.#queued = [];
    return taken;
  }

  #queue(entry: Entry): void {
    if (this.#queued.length >= maxQueued) this.#queued.shift();
    this.#queued.push(entry);
    if (waiting.size === 0) void deliverAll();
    waiting.add(this);
  }

  #deliver(): void {
    const entries = this.takeRecords();
    if (entries.length === 0) return;
    Reflect.apply(this.#callback, this, [new PerformanceObserverEntryList(construct, entries), this, {}]);
  }

  static {
    tellObservers = (entry) => {
      for (const observer of listening) if (observer.#types.has(entry.entryType)) observer.#queue(entry);
    };
    deliverTo = (observer) => observer.#deliver();
  }
}

/** After the work at hand, and not by a timer: that would end with the call that set it, and others wait as well. */
async function deliverAll(): Promise<void> {
  await Promise.resolve();
  const told = [...waiting];
  waiting.clear();
  for (const observer of told) {
    try {
      deliverTo(observer);
    } catch (error) {
      reportException(error);
    }
  }
}

function isSupported(type: string): boolean {
  return (supported as readonly string[]).includes(type);
}

defineInterface(PerformanceObserverEntryList, 'PerformanceObserverEntryList', {
  getEntriesByType: 1,
  getEntriesByName: 1,
});
defineInterface(PerformanceObserver, 'PerformanceObserver', { constructor: 1 });
