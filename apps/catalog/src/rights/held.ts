import { Problem } from '@proxylet/contract';
import type { VersionStateRow } from '../database/proxylet.entity.js';

/** @throws Problem `quarantined`: nothing out of the archive of a held version is given to anybody */
export function assertNotHeld(
  { state, reason }: Pick<VersionStateRow, 'state' | 'reason'>,
  what: string,
): void {
  if (state !== 'quarantined') return;
  throw new Problem('quarantined', `${what} is held by the platform: ${reason}`);
}
