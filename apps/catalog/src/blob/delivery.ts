import type { Digest } from '@proxylet/contract';
import type { Artifacts } from './artifacts.js';

export interface DeliveryOptions {
  readonly mode: 'proxy' | 'redirect';
  /** How long a presigned address is good. */
  readonly seconds: number;
}

/** Decides whether an archive goes through the catalog or its reader is sent to the store. */
export class Delivery {
  constructor(
    private readonly artifacts: Artifacts,
    private readonly options: DeliveryOptions,
  ) {}

  get redirects(): boolean {
    return this.options.mode === 'redirect';
  }

  /**
   * Address to send the reader to; undefined where the bytes go through the catalog: because it is set up so, or the
   * reader prefers it (RFC 7240, `Prefer: delivery=proxy`).
   *
   * @throws Problem `artifact-corrupt` where the store has lost the archive
   */
  async addressOf(digest: Digest, prefer: string | undefined): Promise<string | undefined> {
    if (!this.redirects || prefersProxy(prefer)) return undefined;
    return await this.artifacts.presign(digest, this.options.seconds);
  }
}

export function prefersProxy(prefer: string | undefined): boolean {
  return /(?:^|[,;])\s*delivery\s*=\s*"?proxy"?\s*(?:$|[,;])/i.test(prefer ?? '');
}
