/** Exit codes of every service (after sysexits.h). */
export const exitCodes = {
  clean: 0,
  badConfiguration: 64,
  portTaken: 69,
  failed: 70,
  stateNotWritable: 73,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure that ends the process, with the sentence its operator reads last on standard error. */
export class ServiceFault extends Error {
  constructor(
    readonly exitCode: ExitCode,
    sentence: string,
    options?: ErrorOptions,
  ) {
    super(sentence, options);
    this.name = new.target.name;
  }
}
