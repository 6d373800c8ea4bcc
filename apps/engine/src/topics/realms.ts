import { createHash } from 'node:crypto';
import { sharedOwnerKey } from '../installations/installation.js';

/**
 * Who hears whom. Every message belongs to the realm of whoever sent it: its owner's, or the one of all shared
 * installations. The realm is the first word of its subject, so that no filter of a proxylet reaches out of it.
 *
 * - What belongs to a user hears that user's realm, and what shared proxylets send.
 * - What is shared hears the shared realm alone: installing it gives nobody the messages of every user.
 */
export function realmOf(ownerKey: string): string {
  if (ownerKey === sharedOwnerKey) return sharedRealm;
  // Keys of owners hold signs that a subject cannot.
  return `u-${createHash('sha256').update(ownerKey).digest('hex').slice(0, 32)}`;
}

/** Filters of subjects for filters of topics. */
export function subjectsFor(ownerKey: string, filters: readonly string[]): string[] {
  const realms = new Set([realmOf(ownerKey), sharedRealm]);
  return [...realms].flatMap((realm) => filters.map((filter) => `${realm}.${filter}`));
}

export function topicOf(subject: string): string {
  return subject.slice(subject.indexOf('.') + 1);
}

const sharedRealm = 'shared';
