/** Exit codes (sysexits.h): each failure a fresh machine can meet has its own. */
export const exitCodes = { usage: 64, unavailable: 69, noRegistry: 68, internal: 70, cannotCreate: 73 };

/** Ends the program with `exitCode`; the message is one sentence that names what to do. */
export class Stop extends Error {
  name = 'Stop';

  constructor(exitCode, message) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** One line for whoever watches. Standard output belongs to the answer of a command. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}
