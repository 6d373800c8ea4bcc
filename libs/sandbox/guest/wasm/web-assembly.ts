import { Response } from '../response.js';
import { capModule } from './cap-module.js';
import { LiveMemory } from './live-memory.js';

const { apply, construct, getOwnPropertyDescriptor, defineProperty, deleteProperty } = Reflect;
/** As they were before any guest code: what is looked up later may be the guest's. */
const [Bytes, toNumber, toBig, View] = [Uint8Array, Number, BigInt, DataView];
const { trunc } = Math;
const { isView } = ArrayBuffer;
const pageBytes = 65_536;
/** As the runner's switches say it; here it is told in words. */
const maxModuleBytes = 16 * 1024 * 1024;

export interface Natives {
  readonly WebAssembly: typeof WebAssembly;
  readonly WeakRef: typeof WeakRef;
  /** There in runners with WebAssembly only. */
  readonly gc: () => void;
}

type Imports = WebAssembly.Imports;
type Source = ArrayBuffer | ArrayBufferView;

/**
 * `WebAssembly` for proxylets that ask for it: the platform's own, with memory that counts against `maxPages`.
 * Compilation is never left to other threads: what follows it would run outside of any call and its limits.
 *
 * @param natives captured before they were taken from the guest
 */
export function tameWebAssembly(
  { WebAssembly: native, WeakRef, gc }: Natives,
  maxPages: () => number,
): object {
  const memory = new LiveMemory(WeakRef, gc, maxPages);
  const { validate } = native;
  const pagesOf = new WeakMap<object, number>();
  const { get: getPages, set: setPages } = WeakMap.prototype;
  const { Module: NativeModule, Instance: NativeInstance, Memory: NativeMemory } = native;

  const Module = guarded(NativeModule, (args, target) => {
    const { bytes, pages } = capModule(bytesOf(args[0]), maxPages());
    const module = construct(NativeModule, [bytes], target) as object;
    apply(setPages, pagesOf, [module, pages]);
    return module;
  });

  const Instance = guarded(NativeInstance, (args, target) => {
    const pages = (apply(getPages, pagesOf, [args[0]]) as number | undefined) ?? 0;
    memory.reserve(pages);
    const instance = construct(NativeInstance, [args[0], args[1]], target) as object;
    memory.keep(instance, () => pages);
    return instance;
  });

  const bufferOf = getOwnPropertyDescriptor(NativeMemory.prototype, 'buffer')?.get as () => ArrayBuffer;
  const sizeOf = (of: object): number => byteLengthOf(apply(bufferOf, of, [])) / pageBytes;
  const Memory = guarded(NativeMemory, (args, target) => {
    const made = construct(NativeMemory, [lowered(args[0], memory)], target) as object;
    memory.keep(made, sizeOf);
    return made;
  });
  const { grow } = NativeMemory.prototype;
  defineProperty(NativeMemory.prototype, 'grow', {
    value: {
      grow(this: WebAssembly.Memory, delta: unknown): number {
        // Refuses what is no memory before anything of the argument is read.
        apply(bufferOf, this, []);
        const pages = toPages(delta, typeof delta === 'bigint');
        memory.reserve(toNumber(pages));
        const before = apply(grow, this, [pages as number]);
        memory.grown(toNumber(pages));
        return before;
      },
    }.grow,
    writable: true,
    enumerable: true,
    configurable: true,
  });

  const members = {
    validate: (bytes: Source): boolean => apply(validate, native, [copyOf(bytes)]),
    compile: async (bytes: Source) => new Module(bytes as ArrayBuffer),
    instantiate: async (given: unknown, ...[imports]: [Imports?]): Promise<unknown> => {
      if (given instanceof Module) return new Instance(given, imports);
      const module = new Module(given as ArrayBuffer);
      // Imports are read when it has been compiled, and that was never at once.
      await Promise.resolve();
      return { module, instance: new Instance(module, imports) };
    },
    compileStreaming: async (source: unknown) => new Module(await streamed(source)),
    instantiateStreaming: async (source: unknown, ...[imports]: [Imports?]) => {
      const module = new Module(await streamed(source));
      return { module, instance: new Instance(module, imports) };
    },
    Module,
    Instance,
    Memory,
  };
  for (const [name, value] of Object.entries(members)) {
    defineProperty(native, name, { ...getOwnPropertyDescriptor(native, name), value });
  }
  // Stack switching leaves an entry before it ends: its limits could not be kept.
  for (const name of ['Suspending', 'SuspendError', 'promising']) deleteProperty(native, name);
  return native;
}

/** The constructor for guests, which is also what the prototype leads to. */
function guarded<T extends abstract new (...args: never[]) => object>(
  Native: T,
  make: (args: readonly unknown[], target: T) => object,
): T {
  const Guarded: T = new Proxy(Native, {
    construct: (_, args: unknown[], newTarget): object =>
      make(args, (newTarget as unknown as T) === Guarded ? Native : (newTarget as unknown as T)),
  });
  defineProperty(Native.prototype as object, 'constructor', {
    value: Guarded,
    writable: true,
    configurable: true,
  });
  return Guarded;
}

/** A memory of its own gets a maximum; the limit of all together is the other half. */
function lowered(descriptor: unknown, memory: LiveMemory): object {
  if (typeof descriptor !== 'object' || descriptor === null)
    throw new TypeError('a Memory takes a descriptor');
  const given = descriptor as Record<string, unknown>;
  const address = given['address'] === undefined ? undefined : String(given['address']);
  const isWide = address === 'i64';
  // In the order of Web IDL, each read and converted once.
  const initial = readPages(given['initial'], isWide);
  const maximum = readPages(given['maximum'], isWide);
  const shared = Boolean(given['shared']);
  if (initial !== undefined) memory.reserve(toNumber(initial));
  const limit = isWide ? toBig(memory.maxPages()) : memory.maxPages();
  const most = maximum ?? (shared ? undefined : limit);
  const maximumHere = most !== undefined && most > limit ? limit : most;
  // Without a prototype: what is absent here must not be found there.
  return { __proto__: null, initial, maximum: maximumHere, shared, address };
}

function readPages(value: unknown, isWide: boolean): number | bigint | undefined {
  return value === undefined ? undefined : toPages(value, isWide);
}

/** `[EnforceRange] unsigned long`, or an address of 64 bits (WebAssembly JavaScript Interface, "AddressValueToU64"). */
function toPages(value: unknown, isWide: boolean): number | bigint {
  if (isWide) return typeof value === 'bigint' ? value : toBig(value as string);
  const pages = trunc(toNumber(value));
  if (pages >= 0 && pages <= 0xffff_ffff) return pages;
  throw new TypeError('a number of pages is an integer from 0 to 4294967295');
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const viewBuffer = getOwnPropertyDescriptor(typedArray, 'buffer')?.get as () => ArrayBuffer;
const viewOffset = getOwnPropertyDescriptor(typedArray, 'byteOffset')?.get as () => number;
const viewLength = getOwnPropertyDescriptor(typedArray, 'byteLength')?.get as () => number;
const bufferLength = getOwnPropertyDescriptor(ArrayBuffer.prototype, 'byteLength')?.get as () => number;

/** Of a memory's buffer, shared or not. */
function byteLengthOf(buffer: ArrayBuffer): number {
  return buffer instanceof ArrayBuffer
    ? apply(bufferLength, buffer, [])
    : (buffer as { byteLength: number }).byteLength;
}

function bytesOf(given: unknown): Uint8Array {
  const bytes = copyOf(given);
  if (bytes.length > maxModuleBytes) {
    throw new RangeError(`a module may have ${maxModuleBytes} bytes, not ${bytes.length}`);
  }
  return bytes;
}

/** What is looked at must be what is compiled: a view of it all, which guest code cannot reach meanwhile. */
function copyOf(given: unknown): Uint8Array {
  if (isView(given) && !(given instanceof View)) {
    return new Bytes(
      apply(viewBuffer, given, []),
      apply(viewOffset, given, []),
      apply(viewLength, given, []),
    );
  }
  if (given instanceof View) return new Bytes(given.buffer, given.byteOffset, given.byteLength);
  if (given instanceof ArrayBuffer) return new Bytes(given);
  throw new TypeError('WebAssembly takes a buffer or a view of one');
}

/** WebAssembly Web API §3: only an answer that says it is a module. */
async function streamed(source: unknown): Promise<ArrayBuffer> {
  const response = await (source as Promise<unknown>);
  if (!(response instanceof Response)) throw new TypeError('a Response is needed, or a promise of one');
  if (!response.ok) throw new TypeError(`the answer has status ${response.status}`);
  const type = response.headers.get('content-type') ?? '';
  if (type.trim().toLowerCase() !== 'application/wasm') {
    throw new TypeError(`the answer is ${type === '' ? 'of no type' : type}, not application/wasm`);
  }
  return response.arrayBuffer();
}
