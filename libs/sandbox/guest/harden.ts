/**
 * Takes away what would let guest code pass its limits or make code at run time (isolates.md §2.5, R3 and R10).
 * Runs once, before any guest code, in the guest's own realm.
 */
export function harden(global: Record<string, unknown>): void {
  // Shared memory and its clock, memory outside the heap limit, callbacks outside any time limit.
  for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly', 'FinalizationRegistry', 'WeakRef']) {
    Reflect.deleteProperty(global, name);
  }
  refuseCodeFromStrings(global);
  fixArrayBuffers(global);
}

/** Stands where the constructors of functions stood; named as they were. */
const refuse = {
  Function(): never {
    throw new EvalError('code from strings is not allowed in a proxylet');
  },
}.Function;

/** One function of each kind: their prototypes lead to the four constructors. */
const kinds = [
  function plain() {},
  async function later() {},
  function* many() {},
  async function* manyLater() {},
];

function refuseCodeFromStrings(global: Record<string, unknown>): void {
  for (const kind of kinds) {
    const prototype: object = Object.getPrototypeOf(kind) as object;
    Object.defineProperty(prototype, 'constructor', { value: refuse, writable: false, configurable: false });
  }
  Object.defineProperty(refuse, 'prototype', { value: Function.prototype });
  global['Function'] = refuse;
  Reflect.deleteProperty(global, 'eval');
}

/** A resizable buffer grows past the heap limit: `maxByteLength` is ignored and `resize` gone. */
function fixArrayBuffers(global: Record<string, unknown>): void {
  const Original = ArrayBuffer;
  const Fixed = new Proxy(Original, {
    construct: (target, args: unknown[], newTarget: object) =>
      Reflect.construct(target, args.slice(0, 1), newTarget as typeof Original) as object,
  });
  Reflect.deleteProperty(Original.prototype, 'resize');
  Object.defineProperty(Original.prototype, 'constructor', {
    value: Fixed,
    writable: true,
    configurable: true,
  });
  global['ArrayBuffer'] = Fixed;
}
