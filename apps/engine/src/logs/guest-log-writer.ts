import type { GuestLogEntry } from '@proxylet/sandbox';
import type { Installation } from '../installations/installation.js';
import type { GuestLogs } from './guest-logs.js';
import { hasFrames, type SourceMaps } from './source-maps.js';

/** Lines of one installation that wait while its source map is read; further ones go ahead of them. */
const maxWaiting = 1000;

/** The way of a guest's lines into its log, with stack traces led back to the source. */
export class GuestLogWriter {
  private readonly waiting = new Map<string, GuestLogEntry[]>();

  constructor(
    private readonly logs: Pick<GuestLogs, 'add'>,
    private readonly maps: Pick<SourceMaps, 'isLoaded' | 'load' | 'translate'>,
  ) {}

  write(record: Installation, entries: readonly GuestLogEntry[]): void {
    const queue = this.waiting.get(record.id);
    if (queue !== undefined && queue.length < maxWaiting) {
      queue.push(...entries);
      return;
    }
    const isReady = this.maps.isLoaded(record.digest) || !entries.some(({ text }) => hasFrames(text));
    if (isReady || queue !== undefined) this.add(record, entries);
    else void this.writeLater(record, [...entries]);
  }

  private async writeLater(record: Installation, entries: GuestLogEntry[]): Promise<void> {
    this.waiting.set(record.id, entries);
    await this.maps.load(record.digest);
    this.waiting.delete(record.id);
    this.add(record, entries);
  }

  private add(record: Installation, entries: readonly GuestLogEntry[]): void {
    const { id: installationId, name: proxylet, version } = record;
    const lines = entries.map((entry) => ({ ...entry, text: this.textOf(record, entry.text) }));
    this.logs.add({ installationId, proxylet, version }, lines);
  }

  private textOf({ digest, name, version, manifest }: Installation, text: string): string {
    if (!hasFrames(text)) return text;
    return this.maps.translate(digest, `${name}@${version}/${manifest.main}`, text);
  }
}
