import { readFileSync } from 'node:fs';
import type ivm from 'isolated-vm';

const filename = 'file:///proxylet/prelude.js';

/**
 * The prelude's source with its code cache. The cache is made here, in this process, by the same V8 and from the
 * same source: cached data from anywhere else would be foreign native code (CVE-2022-39266).
 */
export class Prelude {
  private cache: ivm.ExternalCopy<ArrayBuffer> | undefined;

  constructor(private readonly source: string) {}

  static read(path: string): Prelude {
    return new Prelude(readFileSync(path, 'utf8'));
  }

  async compile(isolate: ivm.Isolate): Promise<ivm.Script> {
    if (this.cache === undefined) return isolate.compileScript(this.source, { filename });
    return isolate.compileScript(this.source, { filename, cachedData: this.cache });
  }

  /** Takes the cache from an isolate in which the prelude has run, so that functions compiled lazily are in it. */
  async keepCacheOf(isolate: ivm.Isolate): Promise<void> {
    const script = await isolate.compileScript(this.source, { filename, produceCachedData: true });
    // Missing in the package's types, described in its README.
    this.cache ??= (script as { cachedData?: ivm.ExternalCopy<ArrayBuffer> }).cachedData;
    script.release();
  }
}
