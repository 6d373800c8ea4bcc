import { isRange, isVersion, satisfies } from './version.js';

/**
 * What a manifest asks an engine for: `kv`, `device:camera`, or with a range `gpio@^2`. What an engine offers has
 * the same form with a version: `gpio@2.1.0`; without one it counts as 1.0.0.
 */
export interface Capability {
  readonly name: string;
  /** A range where it is asked for, a version where it is offered; undefined when the text names none. */
  readonly version: string | undefined;
}

const capabilityNamePattern = /^[a-z0-9]+(?:-[a-z0-9]+)*(?::[a-z0-9]+(?:-[a-z0-9]+)*)*$/;
const capabilityMaxLength = 128;

export function parseCapability(text: string): Capability {
  const at = text.indexOf('@');
  if (at < 0) return { name: text, version: undefined };
  return { name: text.slice(0, at), version: text.slice(at + 1) };
}

export function isCapabilityWant(text: string): boolean {
  return isCapability(text, isRange);
}

export function isCapabilityOffer(text: string): boolean {
  return isCapability(text, isVersion);
}

function isCapability(text: string, isVersionText: (version: string) => boolean): boolean {
  if (text.length > capabilityMaxLength) return false;
  const { name, version } = parseCapability(text);
  return (
    capabilityNamePattern.test(name) && (version === undefined || (version !== '' && isVersionText(version)))
  );
}

/** Whether one of the offers meets the want: same name, version within the range. */
export function offersCapability(offers: readonly string[], want: string): boolean {
  const wanted = parseCapability(want);
  return offers.some((offer) => {
    const offered = parseCapability(offer);
    if (offered.name !== wanted.name) return false;
    return wanted.version === undefined || satisfies(offered.version ?? '1.0.0', wanted.version);
  });
}
