import type Ivm from 'isolated-vm';
import { ivm } from './ivm.js';
import type { Prelude } from './prelude.js';

/** Functions given to the prelude, by the names of `guest/host.ts`. */
export type HostFunctions = Readonly<Record<string, (...args: never[]) => unknown>>;

/** Whose isolate it is, by guest key: nobody's (0) until a guest moves in, and never a second one's. */
export interface Seat {
  key: number;
}

/** An isolate with the prelude in it and no guest. */
export interface Blank {
  readonly isolate: Ivm.Isolate;
  readonly context: Ivm.Context;
  readonly memoryMb: number;
  readonly seat: Seat;
  readonly enter: Ivm.Reference<(...args: unknown[]) => void>;
  readonly attach: Ivm.Reference<(...args: unknown[]) => string>;
}

export interface BlankOptions {
  readonly prelude: Prelude;
  readonly hostFunctions: (seat: Seat, memoryMb: number) => HostFunctions;
  /** The isolate's thread never comes back: its memory, and whatever it held, is lost to this process. */
  readonly onCatastrophe: (seat: Seat, message: string) => void;
}

/**
 * Made on a thread of the pool, all but the isolate itself (1 ms): guests that run meanwhile wait for nothing.
 *
 * @throws where there is no memory for it
 */
export async function makeBlank(memoryMb: number, options: BlankOptions): Promise<Blank> {
  const seat: Seat = { key: 0 };
  const isolate = new ivm.Isolate({
    memoryLimit: memoryMb,
    onCatastrophicError: (message) => options.onCatastrophe(seat, message),
  });
  try {
    const context = await isolate.createContext();
    const script = await options.prelude.compile(isolate);
    await script.run(context);
    script.release();
    const booted = await boot(context, options.hostFunctions(seat, memoryMb));
    return { isolate, context, memoryMb, seat, ...booted };
  } catch (error) {
    if (!isolate.isDisposed) isolate.dispose();
    throw error;
  }
}

async function boot(context: Ivm.Context, host: HostFunctions): Promise<Pick<Blank, 'enter' | 'attach'>> {
  const { global } = context;
  const start: Ivm.Reference = await global.get('__proxyletBoot', { reference: true });
  await global.delete('__proxyletBoot');
  const names = Object.keys(host);
  const callbacks = names.map((name) => new ivm.Callback(host[name] as (...args: unknown[]) => unknown));
  const table = (await start.apply(undefined, [ivm, names.join(' '), ...callbacks] as never[], {
    result: { reference: true },
  })) as unknown as Ivm.Reference<Record<string, unknown>>;
  start.release();
  const [enter, attach] = await Promise.all([
    table.get('enter', { reference: true }),
    table.get('attach', { reference: true }),
  ]);
  table.release();
  return { enter: enter as Blank['enter'], attach: attach as Blank['attach'] };
}
