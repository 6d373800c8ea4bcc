/** Exit codes of every process of the product (sysexits.h). */
export const exitCodes = { usage: 64, unavailable: 69, internal: 70, cannotCreate: 73 } as const;

/** Ends the process with `exitCode`; the message is the one sentence an operator reads, naming what to do. */
export class Stop extends Error {
  override readonly name = 'Stop';

  constructor(
    readonly exitCode: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Turns what went wrong at start into the sentence and the code. */
export function toStop(error: unknown): Stop {
  if (error instanceof Stop) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new Stop(exitCodes.internal, `Unexpected failure: ${message}`, { cause: error });
}

/** The `code` of a system error such as `EADDRINUSE`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
