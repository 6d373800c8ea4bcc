/** As they were before any guest code: what is looked up later may be the guest's. */
const Bytes = Uint8Array;
const { floor } = Math;

/**
 * Sections of the binary format that reserve memory (WebAssembly Core §5.5): what is declared there comes into
 * being with each instance, and `memory.grow` inside a module calls nobody. So every memory gets a maximum. Tables
 * are bounded by a switch of the runner.
 */
const importSection = 2;
const memorySection = 5;
const headerBytes = 8;

/** Flags of limits (§5.3.7): with a maximum, shared between threads, addressed by 64 bits. */
const hasMaximum = 1;
const isShared = 2;
const isWide = 4;

const maxMemories = 4;
const pageBytes = 65_536;

export interface CappedModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Pages that each instance takes for memories of its own. */
  readonly pages: number;
}

/**
 * Copies a module and lowers the maximum of each memory to `maxPages`. What is malformed is left to the compiler,
 * which refuses it in its own words.
 *
 * @throws RangeError where the module needs more than that to begin with, or asks for shared memory
 */
export function capModule(given: Uint8Array, maxPages: number): CappedModule {
  const input = new Input(given);
  const output = new Output(given.length + 64);
  output.copy(given, 0, headerBytes);
  input.at = headerBytes;
  let pages = 0;
  while (input.at < given.length) {
    const start = input.at;
    const id = input.byte();
    const size = input.number();
    const end = input.at + size;
    if (end > given.length) break;
    if (id === importSection) refuseSharedImports(input);
    if (id === memorySection) pages += copyMemories(input, output, maxPages);
    else output.copy(given, start, end);
    input.at = end;
  }
  // What follows a malformed length goes along as it is.
  if (input.at < given.length) output.copy(given, input.at, given.length);
  return { bytes: output.bytes(), pages };
}

/** @returns pages of all memories of the section together */
function copyMemories(input: Input, output: Output, maxPages: number): number {
  const count = input.number();
  if (count > maxMemories) throw new RangeError(`a module may have ${maxMemories} memories, not ${count}`);
  const body = new Output(64);
  body.number(count);
  let pages = 0;
  for (let index = 0; index < count; index += 1) {
    const flags = input.byte();
    refuseShared(flags);
    const least = input.number();
    const most = (flags & hasMaximum) === 0 ? maxPages : input.number();
    pages += least;
    if (pages > maxPages) throw new RangeError(tooMuch(pages, maxPages));
    body.byte(flags | hasMaximum);
    body.number(least);
    body.number(most > maxPages ? maxPages : most);
  }
  const bytes = body.bytes();
  output.byte(memorySection);
  output.number(bytes.length);
  output.copy(bytes, 0, bytes.length);
  return pages;
}

/** Shared memory would let `memory.atomic.wait` put the whole runner to sleep. */
function refuseShared(flags: number): void {
  if ((flags & isShared) !== 0) throw new RangeError('shared memory is not available to modules here');
  if (flags > (hasMaximum | isWide)) throw new RangeError('the module has a memory of an unknown kind');
}

/** Import descriptions (§5.5.5): function, table, memory, global, tag. */
function refuseSharedImports(input: Input): void {
  const count = input.number();
  for (let index = 0; index < count; index += 1) {
    input.skip(input.number());
    input.skip(input.number());
    switch (input.byte()) {
      case 0:
        input.number();
        break;
      case 1:
        input.valueType();
        input.limits();
        break;
      case 2:
        refuseShared(input.limits());
        break;
      case 3:
        input.valueType();
        input.byte();
        break;
      case 4:
        input.byte();
        input.number();
        break;
      default:
        throw new RangeError('the module imports something of an unknown kind');
    }
  }
}

export function tooMuch(pages: number, maxPages: number): string {
  return `WebAssembly memory of ${toMb(pages)} MB is more than the ${toMb(maxPages)} MB of this proxylet`;
}

function toMb(pages: number): number {
  return Math.ceil((pages * pageBytes) / 1024 / 1024);
}

/** Reads the format; past the end everything is 0, and the compiler says what is wrong. */
class Input {
  at = 0;

  constructor(private readonly bytesOf: Uint8Array) {}

  byte(): number {
    const value = this.bytesOf[this.at] ?? 0;
    this.at += 1;
    return value;
  }

  /** Unsigned LEB128 (§5.2.2), as a number: beyond 2⁵³ it is too much in any case. */
  number(): number {
    let value = 0;
    let factor = 1;
    for (let index = 0; index < 10; index += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw new RangeError('a number of the module is too long');
  }

  skip(count: number): void {
    this.at += count;
  }

  /** A value or reference type: one byte, or two where a heap type follows (§5.3.3). */
  valueType(): void {
    const byte = this.byte();
    if (byte === 0x63 || byte === 0x64) this.number();
  }

  limits(): number {
    const flags = this.byte();
    this.number();
    if ((flags & hasMaximum) !== 0) this.number();
    return flags;
  }
}

class Output {
  private held: Uint8Array<ArrayBuffer>;
  private length = 0;

  constructor(size: number) {
    this.held = new Bytes(size);
  }

  byte(value: number): void {
    this.reserve(1);
    this.held[this.length] = value;
    this.length += 1;
  }

  number(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) + 128);
      rest = floor(rest / 128);
    }
    this.byte(rest);
  }

  copy(from: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    for (let index = start; index < end; index += 1) {
      this.held[this.length] = from[index] ?? 0;
      this.length += 1;
    }
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const exact = new Bytes(this.length);
    for (let index = 0; index < this.length; index += 1) exact[index] = this.held[index] ?? 0;
    return exact;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.held.length) return;
    const larger = new Bytes((this.length + count) * 2);
    for (let index = 0; index < this.length; index += 1) larger[index] = this.held[index] ?? 0;
    this.held = larger;
  }
}
