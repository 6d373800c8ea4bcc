import { Console } from 'node:console';
import { pino } from 'pino';
import { toStop } from '../stop.js';
import { readIdmConfig } from './idm.config.js';
import { type Idm, startIdm } from './server.js';

// Standard output is for the ready line alone; the provider's own notices go to the log's stream.
globalThis.console = new Console(process.stderr);

try {
  const config = readIdmConfig();
  const log = pino({ name: 'idm' }, pino.destination({ dest: 2, sync: true }));
  const idm = await startIdm(config, log);
  stopOnSignal(idm);
  if (config.exitWithParent) process.stdin.resume().once('close', () => void stop(idm));
  process.stdout.write(
    `${JSON.stringify({ ready: true, service: 'idm', url: idm.url, pid: process.pid })}\n`,
  );
} catch (error) {
  const { exitCode, message } = toStop(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}

function stopOnSignal(idm: Idm): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop(idm));
}

async function stop(idm: Idm): Promise<void> {
  await idm.close();
  process.exit(0);
}
