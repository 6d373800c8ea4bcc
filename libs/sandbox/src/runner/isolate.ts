import type Ivm from 'isolated-vm';
import { ivm } from './ivm.js';
import type { Prelude } from './prelude.js';

/** Functions given to the prelude, by the names of `guest/host.ts`. */
export type HostFunctions = Readonly<Record<string, (...args: never[]) => unknown>>;

export interface GuestModule {
  readonly source: string;
  readonly filename: string;
  readonly memoryMb: number;
  readonly startMs: number;
  readonly environmentJson: string;
}

/** An isolate with the prelude and the guest's module in it. */
export interface LiveIsolate {
  readonly isolate: Ivm.Isolate;
  readonly enter: Ivm.Reference<(...args: unknown[]) => void>;
}

/** Why a module could not be started, in words for its author. */
export class StartFailure extends Error {}

export function startIsolate(module: GuestModule, prelude: Prelude, host: HostFunctions): LiveIsolate {
  const isolate = new ivm.Isolate({
    memoryLimit: module.memoryMb,
    onCatastrophicError: (message) => {
      // The isolate's thread never comes back: the engine sees the runner end and reads this line.
      process.stderr.write(`catastrophic: ${message}\n`);
      process.kill(process.pid, 'SIGKILL');
    },
  });
  try {
    const context = isolate.createContextSync();
    const prepared = boot(isolate, context, prelude, host);
    evaluate(isolate, context, module, prepared.attach);
    return { isolate, enter: prepared.enter };
  } catch (error) {
    if (!isolate.isDisposed) isolate.dispose();
    throw error;
  }
}

interface Booted {
  readonly enter: Ivm.Reference<(...args: unknown[]) => void>;
  readonly attach: Ivm.Reference<(...args: unknown[]) => string>;
}

function boot(isolate: Ivm.Isolate, context: Ivm.Context, prelude: Prelude, host: HostFunctions): Booted {
  const script = prelude.compile(isolate);
  script.runSync(context);
  script.release();
  const start: Ivm.Reference = context.global.getSync('__proxyletBoot', { reference: true });
  context.global.deleteSync('__proxyletBoot');
  const names = Object.keys(host);
  const callbacks = names.map((name) => new ivm.Callback(host[name] as (...args: unknown[]) => unknown));
  const table = start.applySync(undefined, [ivm, names.join(' '), ...callbacks] as never[], {
    result: { reference: true },
  }) as unknown as Ivm.Reference<Record<string, unknown>>;
  start.release();
  prelude.keepCacheOf(isolate);
  return {
    enter: table.getSync('enter', { reference: true }) as Booted['enter'],
    attach: table.getSync('attach', { reference: true }) as Booted['attach'],
  };
}

function evaluate(
  isolate: Ivm.Isolate,
  context: Ivm.Context,
  module: GuestModule,
  attach: Booted['attach'],
): void {
  const { source, filename, startMs } = module;
  const compiled = attempt('does not parse', () =>
    isolate.compileModuleSync(source, { filename: `file:///${filename}` }),
  );
  attempt('cannot be linked', () => {
    compiled.instantiateSync(context, (specifier) => {
      throw new Error(
        `it imports ${JSON.stringify(specifier.slice(0, 200))}; a proxylet is one bundled module`,
      );
    });
  });
  attempt('failed while it started', () => {
    compiled.evaluateSync({ timeout: startMs });
  });
  const exported: Ivm.Reference = compiled.namespace.getSync('default', { reference: true });
  const fault = attempt('cannot be used', () =>
    attach.applySync(undefined, [exported.derefInto(), module.environmentJson], { timeout: startMs }),
  );
  compiled.release();
  if (fault !== '') throw new StartFailure(fault);
}

const maxReasonChars = 2000;

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it threw a value that is no error';
    throw new StartFailure(`The main module ${what}: ${reason.slice(0, maxReasonChars)}`);
  }
}
