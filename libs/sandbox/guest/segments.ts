/**
 * Parts of the prelude whose module bodies run at their first use: most calls need none of them, and an isolate
 * without them starts sooner and is smaller. The bundler turns each `require` into a call; nothing may import these
 * modules but one another, or they would run at the start.
 */
declare const require: (specifier: string) => unknown;

export interface Segment<T> {
  readonly get: () => T;
  /** What is there without asking for it: no object of a class can be around that was never made. */
  readonly peek: () => T | undefined;
}

function segment<T>(load: () => T): Segment<T> {
  let loaded: T | undefined;
  return {
    get: () => (loaded ??= load()),
    peek: () => loaded,
  };
}

export const segments = {
  blob: segment(() => require('./blob.js') as typeof import('./blob.js')),
  cache: segment(() => require('./cache.js') as typeof import('./cache.js')),
  compression: segment(() => require('./compression.js') as typeof import('./compression.js')),
  crypto: segment(() => require('./crypto.js') as typeof import('./crypto.js')),
  fileReader: segment(() => require('./file-reader.js') as typeof import('./file-reader.js')),
  formData: segment(() => require('./form-data.js') as typeof import('./form-data.js')),
  messaging: segment(() => require('./messaging.js') as typeof import('./messaging.js')),
  performance: segment(() => require('./performance.js') as typeof import('./performance.js')),
  streams: segment(() => require('./stream-classes.js') as typeof import('./stream-classes.js')),
  textCoding: segment(() => require('./text-coding.js') as typeof import('./text-coding.js')),
  textStreams: segment(() => require('./text-streams.js') as typeof import('./text-streams.js')),
  webSocket: segment(() => require('./web-socket.js') as typeof import('./web-socket.js')),
  // The package's entry would put itself on the global; this module only defines the class.
  urlPattern: segment(() => require('urlpattern-polyfill/urlpattern') as { readonly URLPattern: unknown }),
} as const;
