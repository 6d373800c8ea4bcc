import { offersCapability } from './capability.js';
import type { Effort } from './resolve-effort.js';
import type { Candidate } from './resolve-versions.js';
import { satisfies } from './version.js';
import type { EngineProfile } from './wire.js';

/** Why an engine cannot run a version; the words follow `1.4.0 would do but`. */
export interface Hindrance {
  readonly kind: 'runtime' | 'capability';
  readonly words: string;
}

/** Capabilities named in one sentence. */
const namedMax = 5;
/** Units of effort for one comparison with what the engine has. */
const checkCost = 100;

/** What an engine can run. Each runtime range and capability is looked at once, however many versions name it. */
export class Fitness {
  /** By type, then by range. */
  private readonly runtimes = new Map<string, Map<string, boolean>>();
  private readonly capabilities = new Map<string, boolean>();

  constructor(
    private readonly engine: EngineProfile,
    private readonly effort: Effort,
  ) {}

  canRun({ runtime, capabilities }: Candidate): boolean {
    return this.hasRuntime(runtime) && capabilities.every((want) => this.offers(want));
  }

  /** Undefined where the engine can run the candidate. */
  hindrance({ runtime, capabilities }: Candidate): Hindrance | undefined {
    if (!this.hasRuntime(runtime)) return { kind: 'runtime', words: this.runtimeWords(runtime) };
    const missing = capabilities.filter((want) => !this.offers(want));
    if (missing.length === 0) return undefined;
    return { kind: 'capability', words: this.capabilityWords(missing) };
  }

  private hasRuntime({ type, version }: Candidate['runtime']): boolean {
    let ofType = this.runtimes.get(type);
    if (ofType === undefined) this.runtimes.set(type, (ofType = new Map()));
    return remembered(ofType, version, () => {
      const { runtimes } = this.engine;
      this.effort.spend(checkCost * (1 + runtimes.length));
      return runtimes.some((one) => one.type === type && satisfies(one.version, version));
    });
  }

  private offers(want: string): boolean {
    return remembered(this.capabilities, want, () => {
      this.effort.spend(checkCost + 10 * this.engine.capabilities.length);
      return offersCapability(this.engine.capabilities, want);
    });
  }

  private runtimeWords({ type, version }: Candidate['runtime']): string {
    const has = this.engine.runtimes.filter((one) => one.type === type).map((one) => one.version);
    return `needs runtime ${type} ${version}; this engine has ${has.length === 0 ? `no ${type}` : has.join(', ')}`;
  }

  private capabilityWords(missing: readonly string[]): string {
    const names = new Set(missing.map(nameOf));
    const near = this.engine.capabilities.filter((offer) => names.has(nameOf(offer)));
    const has = near.length === 0 ? '' : ` (it has ${near.slice(0, namedMax).join(', ')})`;
    const shown = missing.slice(0, namedMax).join(', ');
    const more = missing.length > namedMax ? ` and ${missing.length - namedMax} more` : '';
    return `needs ${shown}${more}, which this engine does not offer${has}`;
  }
}

function nameOf(capability: string): string {
  return capability.split('@')[0] ?? capability;
}

function remembered(known: Map<string, boolean>, key: string, compute: () => boolean): boolean {
  const before = known.get(key);
  if (before !== undefined) return before;
  const answer = compute();
  known.set(key, answer);
  return answer;
}
