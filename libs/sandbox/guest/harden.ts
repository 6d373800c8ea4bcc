/**
 * Takes away what would let guest code pass its limits or make code at run time (isolates.md §2.5, R3 and R10).
 * Runs once, before any guest code, in the guest's own realm.
 */
export function harden(global: Record<string, unknown>): void {
  const Shared = SharedArrayBuffer;
  // Shared memory and its clock, memory outside the heap limit, callbacks outside any time limit.
  for (const name of ['SharedArrayBuffer', 'Atomics', 'WebAssembly', 'FinalizationRegistry', 'WeakRef']) {
    Reflect.deleteProperty(global, name);
  }
  // There in runners with WebAssembly only, and not to be deleted.
  if ('gc' in global) Object.defineProperty(global, 'gc', { value: undefined, writable: false });
  refuseCodeFromStrings(global);
  global['ArrayBuffer'] = withoutGrowth(ArrayBuffer, 'resize');
  // Reached by way of a shared WebAssembly memory only, where there is WebAssembly.
  withoutGrowth(Shared, 'grow');
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

const { construct } = Reflect;

/**
 * A resizable buffer grows past the heap limit: `maxByteLength` is ignored and the operation that grows is gone.
 *
 * @returns the constructor for guests, which is also what the prototype leads to
 */
function withoutGrowth<T extends ArrayBufferConstructor | SharedArrayBufferConstructor>(
  Original: T,
  operation: string,
): T {
  const Fixed = new Proxy(Original, {
    // Nothing here is looked up when guest code may have changed it.
    construct: (target, args: unknown[], newTarget: object) =>
      construct(target, [args[0]], newTarget as typeof Original) as object,
  });
  Reflect.deleteProperty(Original.prototype, operation);
  Object.defineProperty(Original.prototype, 'constructor', {
    value: Fixed,
    writable: true,
    configurable: true,
  });
  return Fixed;
}
