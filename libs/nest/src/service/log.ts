import { Inject } from '@nestjs/common';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import { serializeError } from './log-error.js';

/** Structured log of a service: JSON lines, one per event. */
export type Log = Logger;

export interface LogOptions {
  readonly name: string;
  readonly level: string;
  /** Standard error by default. */
  readonly destination?: DestinationStream;
}

/** What may hold a credential never gets into a line, whoever logs it. */
const censored = ['authorization', 'cookie', 'token', 'access_token', 'password', 'secret', 'client_secret'];
const redact = {
  paths: censored.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
  censor: '[not logged]',
};

export function createLog({ name, level, destination: to }: LogOptions): Log {
  // Synchronous, so that the last line before an exit is not lost.
  const sink = to ?? destination({ dest: 2, sync: true });
  return pino(
    {
      name,
      level,
      redact,
      base: { name, pid: process.pid },
      serializers: { err: (error: unknown) => serializeError(error) },
    },
    sink,
  );
}

export const LOG = Symbol('log');
export const InjectLog = (): ParameterDecorator => Inject(LOG);
