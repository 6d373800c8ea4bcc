import { readFile, stat } from 'node:fs/promises';
import type { Server } from 'node:https';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Log } from './log.js';
import { exitCodes, ServiceFault } from './service-fault.js';

export interface TlsPaths {
  /** PEM: the certificate, then those between it and the root. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

const lookEveryMs = 10_000;

/**
 * Certificate and key from files that somebody else renews: they are looked at again and taken over without a restart.
 * What cannot be used is left alone, and the old ones stay in force.
 */
export class TlsFiles implements Disposable {
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly paths: TlsPaths,
    readonly options: SecureContextOptions,
    private stamp: string,
  ) {}

  /** @throws ServiceFault where they cannot be read or do not belong together */
  static async open(paths: TlsPaths): Promise<TlsFiles> {
    try {
      const stamp = await stampOf(paths);
      return new TlsFiles(paths, await read(paths), stamp);
    } catch (error) {
      const sentence = `The certificate ${paths.cert} and the key ${paths.key} cannot be used (${reasonOf(error)}).`;
      throw new ServiceFault(exitCodes.badConfiguration, sentence);
    }
  }

  /** Keeps the server's certificate in step with the files. */
  follow(server: Server, log: Log): void {
    this.#timer = setInterval(() => void this.look(server, log), lookEveryMs);
    this.#timer.unref();
  }

  /** Looks at the files once. */
  async look(server: Server, log: Log): Promise<void> {
    try {
      const stamp = await stampOf(this.paths);
      if (stamp === this.stamp) return;
      server.setSecureContext(await read(this.paths));
      this.stamp = stamp;
      log.info({ cert: this.paths.cert }, 'the new certificate is in force');
    } catch (error) {
      log.warn({ cert: this.paths.cert, reason: reasonOf(error) }, 'the new certificate cannot be used');
    }
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

async function read({ cert, key }: TlsPaths): Promise<SecureContextOptions> {
  const options = { cert: await readFile(cert), key: await readFile(key), minVersion: 'TLSv1.2' } as const;
  // Throws where they are no PEM or no pair.
  createSecureContext(options);
  return options;
}

async function stampOf({ cert, key }: TlsPaths): Promise<string> {
  const states = await Promise.all([cert, key].map((path) => stat(path)));
  return states.map(({ mtimeMs, size, ino }) => `${mtimeMs} ${size} ${ino}`).join();
}

/** Without what the files hold. */
function reasonOf(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : 'unknown reason';
}
