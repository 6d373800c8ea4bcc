/** What the prelude touches of the platform's own WebAssembly; the language's library has no types of it. */
declare namespace WebAssembly {
  type Imports = Record<string, Record<string, unknown>>;
  class Module {
    constructor(bytes: ArrayBuffer);
  }
  class Instance {
    constructor(module: Module, imports?: Imports);
  }
  class Memory {
    constructor(descriptor: object);
    readonly buffer: ArrayBuffer;
    grow(delta: number): number;
  }
  function validate(bytes: Uint8Array): boolean;
}
