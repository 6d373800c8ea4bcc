const legacyCodes: Readonly<Record<string, number>> = {
  IndexSizeError: 1,
  NotFoundError: 8,
  NotSupportedError: 9,
  InvalidStateError: 11,
  SyntaxError: 12,
  InvalidAccessError: 15,
  TypeMismatchError: 17,
  SecurityError: 18,
  NetworkError: 19,
  AbortError: 20,
  QuotaExceededError: 22,
  TimeoutError: 23,
  DataCloneError: 25,
};

/** Web IDL §2.8.1. */
export class DOMException extends Error {
  readonly #name: string;

  constructor(message = '', nameOrOptions: string | { name?: string; cause?: unknown } = 'Error') {
    const options = typeof nameOrOptions === 'string' ? { name: nameOrOptions } : nameOrOptions;
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.#name = options.name ?? 'Error';
  }

  override get name(): string {
    return this.#name;
  }

  get code(): number {
    return Object.hasOwn(legacyCodes, this.#name) ? (legacyCodes[this.#name] ?? 0) : 0;
  }
}
