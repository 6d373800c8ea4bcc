import type { Digest } from '@proxylet/contract';
import type { GuestCode } from '@proxylet/sandbox';

/** Verified code of versions used lately; the least recently used goes first once the bound is passed. */
export class CodeCache {
  private readonly codes = new Map<Digest, GuestCode>();
  private chars = 0;

  constructor(private readonly maxChars: number) {}

  get(digest: Digest): GuestCode | undefined {
    const code = this.codes.get(digest);
    if (code === undefined) return undefined;
    this.codes.delete(digest);
    this.codes.set(digest, code);
    return code;
  }

  set(digest: Digest, code: GuestCode): void {
    this.delete(digest);
    if (code.source.length > this.maxChars) return;
    this.codes.set(digest, code);
    this.chars += code.source.length;
    for (const oldest of this.codes.keys()) {
      if (this.chars <= this.maxChars) return;
      this.delete(oldest);
    }
  }

  private delete(digest: Digest): void {
    this.chars -= this.codes.get(digest)?.source.length ?? 0;
    this.codes.delete(digest);
  }
}
