import { Injectable } from '@nestjs/common';
import { Problem, quote } from '@proxylet/contract';
import type { EgressRule } from '../egress/egress-rules.js';
import { EngineCore } from '../engine-core.js';

/** Opens and closes origins; the database first, then the rules that guests meet. */
@Injectable()
export class EgressService {
  constructor(private readonly core: EngineCore) {}

  list(): readonly EgressRule[] {
    return this.core.parts.rules.list();
  }

  async open(origin: string, proxylets: readonly string[], changedBy: string): Promise<EgressRule> {
    const rule = { origin, proxylets: [...new Set(proxylets)], changedBy, changedAtMs: Date.now() };
    await this.core.parts.store.saveEgressRule(rule);
    this.core.parts.rules.set(rule);
    return rule;
  }

  /** @throws Problem `not-found` */
  async close(origin: string): Promise<void> {
    await this.core.parts.store.deleteEgressRule(origin);
    if (this.core.parts.rules.delete(origin)) return;
    throw new Problem('not-found', `The origin ${quote(origin)} is not opened to any proxylet.`);
  }
}
