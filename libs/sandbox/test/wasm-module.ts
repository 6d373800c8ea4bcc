/** Instructions the tests need (WebAssembly Core §5.4). */
export const op = {
  loopForever: [0x03, 0x40, 0x0c, 0x00, 0x0b],
  /** Calls the first function. */
  callFirst: [0x10, 0x00],
  /** Pushes the former size, or -1. */
  growBy100Pages: [0x41, 0xe4, 0x00, 0x40, 0x00],
  /** Adds parameters 0 and 1. */
  add: [0x20, 0x00, 0x20, 0x01, 0x6a],
} as const;

interface ModuleParts {
  /** Exported functions by name; each gives an i32 where its type says so. */
  readonly functions?: Readonly<Record<string, { type: 'void' | 'i32' | 'add'; body: readonly number[] }>>;
  /** Each as first and most pages; shared between threads on request. */
  readonly memories?: readonly (readonly [initial: number, maximum?: number, shared?: 'shared'])[];
  /** Imports `env.memory`. */
  readonly importsMemory?: readonly [initial: number, maximum: number, shared: 'shared'];
}

const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** The bytes of a module, as they would be embedded in a proxylet. */
export function wasmModule({ functions = {}, memories = [], importsMemory }: ModuleParts): number[] {
  const all = Object.entries(functions);
  const typeIndex = { void: 0, i32: 1, add: 2 };
  return [
    ...header,
    ...section(1, [
      [0x60, 0, 0],
      [0x60, 0, 1, 0x7f],
      [0x60, 2, 0x7f, 0x7f, 1, 0x7f],
    ]),
    ...(importsMemory === undefined
      ? []
      : section(2, [[...text('env'), ...text('memory'), 2, ...limits(importsMemory)]])),
    ...section(
      3,
      all.map(([, { type }]) => [typeIndex[type]]),
    ),
    ...(memories.length === 0 ? [] : section(5, memories.map(limits))),
    ...section(
      7,
      all.map(([name], index) => [...text(name), 0, index]),
    ),
    ...section(
      10,
      all.map(([, { body }]) => sized([0, ...body, 0x0b])),
    ),
  ];
}

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  return [id, ...sized([...number(entries.length), ...entries.flat()])];
}

function limits([initial, maximum, shared]: readonly [number, number?, 'shared'?]): number[] {
  if (maximum === undefined) return [0, ...number(initial)];
  return [shared === undefined ? 1 : 3, ...number(initial), ...number(maximum)];
}

function text(value: string): number[] {
  return sized([...Buffer.from(value)]);
}

function sized(bytes: readonly number[]): number[] {
  return [...number(bytes.length), ...bytes];
}

/** Unsigned LEB128. */
function number(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...number(Math.floor(value / 128))];
}
