import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CommonConfig } from '../config/common-settings.js';
import { type AppParts, createApp, type ServiceApp } from './create-app.js';
import { createLog } from './log.js';
import { type ExitCode, exitCodes, ServiceFault } from './service-fault.js';

export interface RunOptions<C extends CommonConfig> {
  /** `catalog`: name in the ready line, in logs and in /version. */
  readonly name: string;
  readonly version: string;
  /** @throws ConfigFault */
  readonly config: () => C;
  /** The folder the service keeps everything in; made, and probed for writing. */
  readonly stateFolder: (config: C) => string;
  readonly app: (config: C) => AppParts | Promise<AppParts>;
}

/** A stop that takes longer than this is broken off, ms. */
const stopDeadlineMs = 15_000;

/**
 * The whole life of a service process: configuration, state folder, listening, the ready line, a clean stop on
 * SIGTERM, SIGINT or the end of its launcher. Every failure is one sentence, last on standard error, and an exit
 * code of its own (`exitCodes`).
 */
export async function runService<C extends CommonConfig>(options: RunOptions<C>): Promise<void> {
  try {
    const config = options.config();
    const stateDir = options.stateFolder(config);
    await assertWritable(stateDir);
    const log = createLog({ name: options.name, level: config.logLevel });
    const parts = await options.app(config);
    const { name, version } = options;
    const service = await createApp({ ...parts, name, version, http: config, stateDir, log });
    stopOnDemand(service, config);
    const url = await listen(service, config);
    process.stdout.write(`${JSON.stringify({ ready: true, service: name, url, pid: process.pid })}\n`);
  } catch (error) {
    fail(options.name, error);
  }
}

async function assertWritable(folder: string): Promise<void> {
  const probe = join(folder, `.probe-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    const sentence = `The state folder ${folder} cannot be written to (${codeOf(error)}); set PROXYLET_STATE_DIR to another one.`;
    throw new ServiceFault(exitCodes.stateNotWritable, sentence, { cause: error });
  }
}

async function listen(service: ServiceApp, { host, port }: CommonConfig): Promise<string> {
  try {
    return await service.listen();
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EADDRINUSE' && code !== 'EACCES' && code !== 'EADDRNOTAVAIL') throw error;
    const why = code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${code})`;
    const setting = `PROXYLET_${service.info.name.toUpperCase()}_PORT`;
    const sentence = `Port ${port} on ${host} ${why}; set ${setting} to another one, or to 0 for a free port.`;
    throw new ServiceFault(exitCodes.portTaken, sentence, { cause: error });
  }
}

function stopOnDemand(service: ServiceApp, config: CommonConfig): void {
  let isStopping = false;
  const stop = (why: string): void => {
    // Asked twice: whoever asks has lost patience.
    if (isStopping) process.exit(exitCodes.failed);
    isStopping = true;
    service.log.info({ why }, 'stopping');
    setTimeout(() => {
      fail(service.info.name, new Error(`did not stop within ${stopDeadlineMs} ms`));
    }, stopDeadlineMs).unref();
    service.close().then(
      () => process.exit(exitCodes.clean),
      (error: unknown) => {
        fail(service.info.name, error);
      },
    );
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  process.on('uncaughtException', (error) => {
    service.log.fatal({ err: error }, 'uncaught error');
    fail(service.info.name, error);
  });
  if (!config.exitWithParent) return;
  let isOrphan = false;
  const orphaned = (): void => {
    if (!isOrphan && !isStopping) stop('the launcher ended');
    isOrphan = true;
  };
  process.stdin.on('end', orphaned).on('close', orphaned).on('error', orphaned).resume();
}

/** Ends the process with one sentence; a stack goes before it where nobody foresaw the failure. */
function fail(name: string, error: unknown): never {
  const exitCode: ExitCode = error instanceof ServiceFault ? error.exitCode : exitCodes.failed;
  const message = error instanceof Error ? error.message : 'unknown failure';
  if (exitCode === exitCodes.failed && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
  process.stderr.write(`proxylet-${name}: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`);
  process.exit(exitCode);
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'unknown error';
}
