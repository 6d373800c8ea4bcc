import { isLimitName } from '../limits.js';
import type { GuestLogEntry, HostServices } from '../types.js';
import { guestBreaches } from './guest-breaches.js';
import type { LoadedGuests } from './loaded-guests.js';

/** What a runner tells of its guests beside their answers; none of it is trusted. */
export class GuestReports {
  constructor(
    private readonly services: HostServices,
    private readonly guests: LoadedGuests,
    private readonly traceIdOf: (callId: number) => string | undefined,
  ) {}

  /** Text: time in ms, level and JSON text, with tabs between. @throws where that is not so */
  log(callId: number, key: number, text: string): void {
    const loaded = this.guests.ofKey(key);
    if (loaded === undefined) return;
    const [at = '', level = '', json = '""'] = text.split('\t');
    const entry: GuestLogEntry = {
      atMs: Number(at) || Date.now(),
      level: level === 'debug' || level === 'warn' || level === 'error' ? level : 'info',
      text: String(JSON.parse(json)),
      traceId: this.traceIdOf(callId),
    };
    this.services.log(loaded.guest, [entry]);
  }

  used(key: number, cpuMs: number): void {
    const loaded = this.guests.ofKey(key);
    if (loaded !== undefined) this.services.used(loaded.guest, cpuMs);
  }

  breach(callId: number, key: number, limit: string): void {
    const loaded = this.guests.ofKey(key);
    if (loaded === undefined || !isLimitName(limit)) return;
    const traceId = this.traceIdOf(callId);
    this.services.breach(loaded.guest, { limit, detail: guestBreaches[limit] ?? '', traceId });
  }
}
