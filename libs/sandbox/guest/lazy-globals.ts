import { segments } from './segments.js';

/** Globals by the segment that holds them. */
const globalsOf: readonly (readonly [names: string, load: () => object])[] = [
  ['Blob File', segments.blob.get],
  ['Cache CacheStorage caches', segments.cache.get],
  ['CompressionStream DecompressionStream', segments.compression.get],
  ['Crypto CryptoKey SubtleCrypto crypto', segments.crypto.get],
  ['FormData', segments.formData.get],
  ['MessageChannel MessageEvent MessagePort', segments.messaging.get],
  ['FileReader ProgressEvent', segments.fileReader.get],
  ['Performance PerformanceEntry PerformanceMark PerformanceMeasure performance', segments.performance.get],
  ['PerformanceObserver PerformanceObserverEntryList', segments.performance.get],
  ['ByteLengthQueuingStrategy CountQueuingStrategy', () => segments.streams.get().classes],
  [
    'ReadableStream ReadableStreamBYOBReader ReadableStreamBYOBRequest ReadableStreamDefaultController',
    () => segments.streams.get().classes,
  ],
  [
    'ReadableByteStreamController ReadableStreamDefaultReader TransformStream TransformStreamDefaultController',
    () => segments.streams.get().classes,
  ],
  [
    'WritableStream WritableStreamDefaultController WritableStreamDefaultWriter',
    () => segments.streams.get().classes,
  ],
  ['TextDecoder TextEncoder', segments.textCoding.get],
  ['TextDecoderStream TextEncoderStream', segments.textStreams.get],
  ['CloseEvent WebSocket WebSocketPair', segments.webSocket.get],
  ['URLPattern', segments.urlPattern.get],
];

/** Names that nobody has read so far. */
const pending = new Set<PropertyKey>();

/** Globals that become themselves when somebody first reads them, and whatever a guest assigns to them. */
export function defineLazyGlobals(global: Record<PropertyKey, unknown>): void {
  for (const [names, load] of globalsOf) {
    for (const name of names.split(' ')) defineLazily(global, name, () => Reflect.get(load(), name));
  }
  showAsData(global);
}

function defineLazily(global: Record<PropertyKey, unknown>, name: string, read: () => unknown): void {
  const become = (value: unknown): void => {
    pending.delete(name);
    Object.defineProperty(global, name, { value, writable: true, configurable: true, enumerable: false });
  };
  pending.add(name);
  Object.defineProperty(global, name, {
    get: () => {
      const value = read();
      // While its own code runs there is none yet: libraries look for the platform's class as they make theirs.
      if (value !== undefined) become(value);
      return value;
    },
    set: become,
    configurable: true,
    enumerable: false,
  });
}

/** Web IDL §3.7 has interface objects as data properties: whoever looks closely at a global finds it as one. */
function showAsData(global: Record<PropertyKey, unknown>): void {
  const settle = (target: object, key: PropertyKey): void => {
    if (target === global && pending.has(key)) void global[key];
  };
  for (const holder of [Object, Reflect]) {
    const original = holder.getOwnPropertyDescriptor;
    replace(holder, 'getOwnPropertyDescriptor', (target: object, key: PropertyKey) => {
      settle(target, key);
      return original(target, key);
    });
  }
  const { getOwnPropertyDescriptors } = Object;
  replace(Object, 'getOwnPropertyDescriptors', (target: object) => {
    for (const key of pending) settle(target, key);
    return getOwnPropertyDescriptors(target);
  });
}

function replace(holder: object, name: string, value: (...args: never[]) => unknown): void {
  Object.defineProperty(value, 'name', { value: name, configurable: true });
  Object.defineProperty(holder, name, { value, writable: true, configurable: true, enumerable: false });
}
