import type { Guest } from '../types.js';

/**
 * Which runner a guest belongs to. One that has taken more of the CPU than its neighbours should bear goes to a
 * second runner of its group for a while, which the operating system gives the CPU that others leave.
 */
export class Lanes {
  private readonly heavyUntilMs = new Map<string, number>();

  constructor(
    private readonly heavyForMs: number,
    private readonly now: () => number = Date.now,
  ) {}

  laneOf({ id, group, bindings }: Guest): Lane {
    const hasWasm = bindings.wasm === true;
    const isHeavy = this.isHeavy(id);
    const name = `${hasWasm ? 'wasm:' : ''}${group}${isHeavy ? heavySuffix : ''}`;
    return { name, hasWasm, isHeavy };
  }

  /** @returns false for a guest that is known as heavy */
  markHeavy(guestId: string): boolean {
    if (this.isHeavy(guestId)) return false;
    const nowMs = this.now();
    for (const [id, untilMs] of this.heavyUntilMs) if (untilMs <= nowMs) this.heavyUntilMs.delete(id);
    this.heavyUntilMs.set(guestId, nowMs + this.heavyForMs);
    return true;
  }

  private isHeavy(id: string): boolean {
    if (this.heavyUntilMs.size === 0) return false;
    return (this.heavyUntilMs.get(id) ?? 0) > this.now();
  }
}

export interface Lane {
  readonly name: string;
  readonly hasWasm: boolean;
  readonly isHeavy: boolean;
}

const heavySuffix = ' (heavy)';
