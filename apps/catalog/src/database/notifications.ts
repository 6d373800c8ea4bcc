import type { DataSource } from 'typeorm';

/** A connection that hears what a channel of PostgreSQL tells. */
export interface Notifications {
  /** Resolves when the connection is lost. */
  readonly broken: Promise<void>;
  close(): Promise<void>;
}

interface Connection {
  on(event: 'notification' | 'error' | 'end', listener: () => void): void;
  removeListener(event: 'notification' | 'error' | 'end', listener: () => void): void;
  query(text: string): Promise<unknown>;
}

/** Takes one connection of the pool for itself. @param channel a plain name */
export async function listenOn(
  source: DataSource,
  channel: string,
  onMessage: () => void,
): Promise<Notifications> {
  const runner = source.createQueryRunner();
  const connection = (await runner.connect()) as Connection;
  const { promise: broken, resolve } = Promise.withResolvers<void>();
  const onBroken = (): void => resolve();
  connection.on('notification', onMessage);
  connection.on('error', onBroken);
  connection.on('end', onBroken);
  await connection.query(`LISTEN ${channel}`);
  return {
    broken,
    close: async () => {
      connection.removeListener('notification', onMessage);
      await connection.query(`UNLISTEN ${channel}`).catch(() => undefined);
      connection.removeListener('error', onBroken);
      connection.removeListener('end', onBroken);
      if (!runner.isReleased) await runner.release();
    },
  };
}
