/** The part of a pino logger this library writes to. No token, key or secret is ever given to it. */
export interface AuthLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export const silentLog: AuthLog = { info: () => undefined, warn: () => undefined };
