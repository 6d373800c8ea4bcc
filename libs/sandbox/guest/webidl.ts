/**
 * What Web IDL asks of every interface and what a class does not have by itself: a `toStringTag`, enumerable
 * members, and a `TypeError` for too few arguments. Brand checks come with private fields.
 */
export function defineInterface(constructor: InterfaceClass, name: string, minimum: Arguments = {}): void {
  const { prototype } = constructor;
  // The bundler may have given the class another name.
  Object.defineProperty(constructor, 'name', { value: name, configurable: true });
  for (const holder of [prototype, constructor]) {
    for (const key of Object.getOwnPropertyNames(holder)) {
      if (key === 'constructor' || (holder === constructor && isOwnOfFunctions(key))) continue;
      finishMember(holder, key, Object.hasOwn(minimum, key) ? minimum[key] : undefined);
    }
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  const length = Object.hasOwn(minimum, 'constructor') ? minimum['constructor'] : 0;
  Object.defineProperty(constructor, 'length', { value: length ?? 0, configurable: true });
}

interface InterfaceClass {
  readonly prototype: object;
}

/** How many arguments each operation needs, by its name, where that is not none. */
export type Arguments = Readonly<Record<string, number>>;

function isOwnOfFunctions(key: string): boolean {
  return key === 'length' || key === 'name' || key === 'prototype';
}

function finishMember(holder: object, key: string, needed: number | undefined): void {
  const descriptor = Object.getOwnPropertyDescriptor(holder, key);
  if (descriptor === undefined || !descriptor.configurable) return;
  const value: unknown = descriptor.value;
  if (typeof value === 'function') {
    if (needed !== undefined && needed > 0) descriptor.value = withCount(value as Operation, key, needed);
    else if (value.length > 0) Object.defineProperty(value, 'length', { value: 0, configurable: true });
  }
  Object.defineProperty(holder, key, { ...descriptor, enumerable: true });
}

type Operation = (this: unknown, ...args: unknown[]) => unknown;

/** The same operation, refusing calls with too few arguments. */
export function withCount(operation: Operation, name: string, needed: number): Operation {
  const counted = {
    [name](this: unknown, ...args: unknown[]): unknown {
      if (args.length < needed) {
        throw new TypeError(`${name} needs ${needed} arguments, and got ${args.length}`);
      }
      return Reflect.apply(operation, this, args);
    },
  }[name] as Operation;
  Object.defineProperty(counted, 'length', { value: needed, configurable: true });
  return counted;
}

export function needArguments(given: number, needed: number, what: string): void {
  if (given < needed) throw new TypeError(`${what} needs ${needed} arguments, and got ${given}`);
}

/** The dictionary of an argument: absent, null or an object. */
export function toDictionary(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') {
    throw new TypeError(`${what} takes an object of options`);
  }
  return value as Record<string, unknown>;
}

/** `unsigned long long` and its like, without limits enforced. */
export function toInteger(value: unknown): number {
  const number = Math.trunc(Number(value));
  return Number.isFinite(number) ? number : 0;
}

interface PairIterator<K, V> {
  next(): IteratorResult<K | V | [K, V]>;
}

const iteratorPrototype: object = Object.getPrototypeOf(
  Object.getPrototypeOf([][Symbol.iterator]()) as object,
) as object;

/**
 * Defines `entries`, `keys`, `values`, `forEach` and `[Symbol.iterator]` of an iterable interface (Web IDL §3.7.10).
 *
 * @param pairAt the pair at an index as things stand now; throws a `TypeError` for an object of another kind
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- they tie the class to its pairs at each use
export function defineIterable<T extends object, V>(
  constructor: InterfaceClass,
  name: string,
  pairAt: (self: T, index: number) => readonly [string, V] | undefined,
): void {
  const { prototype } = constructor;
  const states = new WeakMap<object, { target: T; index: number; kind: number }>();
  const iterators: object = Object.create(iteratorPrototype) as object;
  Object.defineProperties(iterators, {
    next: {
      configurable: true,
      enumerable: true,
      writable: true,
      value: function next(this: object) {
        const state = states.get(this);
        if (state === undefined) throw new TypeError(`this is no iterator of ${name}`);
        const pair = pairAt(state.target, state.index);
        if (pair === undefined) return { value: undefined, done: true };
        state.index += 1;
        return { value: state.kind === 2 ? [pair[0], pair[1]] : pair[state.kind], done: false };
      },
    },
    [Symbol.toStringTag]: { value: `${name} Iterator`, configurable: true },
  });
  const iterate = (kind: number) =>
    function (this: T): PairIterator<string, V> {
      pairAt(this, 0);
      const iterator = Object.create(iterators) as PairIterator<string, V>;
      states.set(iterator, { target: this, index: 0, kind });
      return iterator;
    };
  const members = {
    entries: iterate(2),
    keys: iterate(0),
    values: iterate(1),
    forEach(this: T, callback: unknown, thisArg?: unknown): void {
      pairAt(this, 0);
      if (typeof callback !== 'function') throw new TypeError('forEach takes a function');
      for (let index = 0; ; index += 1) {
        const pair = pairAt(this, index);
        if (pair === undefined) return;
        Reflect.apply(callback, thisArg, [pair[1], pair[0], this]);
      }
    },
  };
  for (const [key, value] of Object.entries(members)) {
    Object.defineProperty(value, 'name', { value: key, configurable: true });
    Object.defineProperty(value, 'length', { value: key === 'forEach' ? 1 : 0, configurable: true });
    Object.defineProperty(prototype, key, { value, writable: true, configurable: true, enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.iterator, {
    value: members.entries,
    writable: true,
    configurable: true,
  });
}
