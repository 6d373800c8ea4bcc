import { matchesProxylet } from './origin-rules.js';

/** One private (or public) origin that an admin opened to named proxylets. */
export interface EgressRule {
  /** As `URL.origin`. */
  readonly origin: string;
  /** `acme/thumb` or `acme/*`. */
  readonly proxylets: readonly string[];
  /** Principal key of the admin. */
  readonly changedBy: string;
  readonly changedAtMs: number;
}

/** The opened origins as the guard asks for them; the database behind it is written by `EgressService`. */
export class EgressRules {
  private readonly byOrigin = new Map<string, EgressRule>();
  private readonly listeners: (() => void)[] = [];

  load(rules: readonly EgressRule[]): void {
    for (const rule of rules) this.byOrigin.set(rule.origin, rule);
  }

  set(rule: EgressRule): void {
    this.byOrigin.set(rule.origin, rule);
    this.changed();
  }

  delete(origin: string): boolean {
    const existed = this.byOrigin.delete(origin);
    if (existed) this.changed();
    return existed;
  }

  list(): readonly EgressRule[] {
    return [...this.byOrigin.values()].toSorted((a, b) => (a.origin < b.origin ? -1 : 1));
  }

  isOpened(origin: string, proxylet: string): boolean {
    const rule = this.byOrigin.get(origin);
    return rule?.proxylets.some((pattern) => matchesProxylet(pattern, proxylet)) ?? false;
  }

  /** Called after each change, so that connections made under the old rules can be dropped. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }
}
