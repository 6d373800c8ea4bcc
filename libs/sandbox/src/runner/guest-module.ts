import type Ivm from 'isolated-vm';
import type { Blank } from './blank.js';

export interface GuestModule {
  readonly source: string;
  readonly filename: string;
  /** Time that parsing and the module's top level may take together, ms. */
  readonly startMs: number;
  readonly environmentJson: string;
}

/** Why a module could not be started, in words for its author. */
export class StartFailure extends Error {}

const maxReasonChars = 2000;

/**
 * Evaluates the guest's module in an isolate of its own and finds its handler; on a thread of the pool, since its top
 * level is foreign code as well.
 *
 * @throws StartFailure
 */
export async function openModule({ isolate, context, attach }: Blank, module: GuestModule): Promise<void> {
  const { source, filename, startMs: timeout, environmentJson } = module;
  const compiled = await isolate
    .compileModule(source, { filename: `file:///${filename}` })
    .catch(failure('does not parse'));
  assertOneModule(compiled);
  // A linker that throws would end the process (isolated-vm #559): this one is never asked.
  await compiled.instantiate(context, neverLinked).catch(failure('cannot be linked'));
  await compiled.evaluate({ timeout }).catch(failure('failed while it started'));
  const exported: Ivm.Reference = await compiled.namespace.get('default', { reference: true });
  const fault = await attach
    .apply(undefined, [exported.derefInto(), environmentJson], { timeout })
    .catch(failure('cannot be used'));
  compiled.release();
  if (fault !== '') throw new StartFailure(fault);
}

/** The same on this thread, without waiting for another: for a guest whose start is known to be short. */
export function openModuleHere({ isolate, context, attach }: Blank, module: GuestModule): void {
  const { source, filename, startMs: timeout, environmentJson } = module;
  const compiled = attempt('does not parse', () =>
    isolate.compileModuleSync(source, { filename: `file:///${filename}` }),
  );
  assertOneModule(compiled);
  attempt('cannot be linked', () => compiled.instantiateSync(context, neverLinked));
  attempt('failed while it started', () => compiled.evaluateSync({ timeout }));
  const exported: Ivm.Reference = compiled.namespace.getSync('default', { reference: true });
  const fault = attempt('cannot be used', () =>
    attach.applySync(undefined, [exported.derefInto(), environmentJson], { timeout }),
  );
  compiled.release();
  if (fault !== '') throw new StartFailure(fault);
}

function assertOneModule({ dependencySpecifiers: [imported] }: Ivm.Module): void {
  if (imported === undefined) return;
  const name = JSON.stringify(imported.slice(0, 200));
  throw new StartFailure(
    `The main module cannot be linked: it imports ${name}; a proxylet is one bundled module`,
  );
}

function neverLinked(): never {
  throw new Error('a proxylet is one bundled module');
}

function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return failure(what)(error);
  }
}

function failure(what: string): (error: unknown) => never {
  return (error) => {
    const reason = error instanceof Error ? error.message : 'it threw a value that is no error';
    throw new StartFailure(`The main module ${what}: ${reason.slice(0, maxReasonChars)}`);
  };
}
