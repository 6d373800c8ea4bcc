import { DOMException } from './dom-exception.js';
import { guestCaps, host } from './host.js';
import { describeError } from './text.js';
import { needArguments, toDictionary } from './webidl.js';

/** Classes whose objects the standard does not let be cloned; a native clone would give an empty object. */
const platformClasses: (abstract new (...args: never[]) => object)[] = [];

export function refuseCloning(...classes: (abstract new (...args: never[]) => object)[]): void {
  platformClasses.push(...classes);
}

const cloners: {
  readonly matches: (value: unknown) => boolean;
  readonly clone: (value: never) => unknown;
}[] = [];

/** Lets objects of a class be cloned, as the value itself; not as a part of another one. */
export function allowCloning<T extends object>(
  type: abstract new (...args: never[]) => T,
  clone: (value: T) => T,
): void {
  cloners.push({ matches: (value) => value instanceof type, clone });
}

/**
 * HTML §2.7.
 *
 * @throws DOMException `DataCloneError` for what cannot be copied
 */
export function cloneOf(value: unknown, transfer: readonly ArrayBuffer[] = []): unknown {
  if (platformClasses.some((type) => value instanceof type)) {
    throw new DOMException('objects of the platform are not cloned', 'DataCloneError');
  }
  const cloner = cloners.find(({ matches }) => matches(value));
  if (cloner !== undefined) return cloner.clone(value as never);
  try {
    return host().clone(value, transfer);
  } catch (error) {
    const { message } = describeError(error, guestCaps.errorMessageChars, 0);
    throw new DOMException(message, 'DataCloneError');
  }
}

/** The buffers of a transfer list; `ports` are told apart by the caller. */
export function toTransfer(list: unknown, isPort: (item: unknown) => boolean): ArrayBuffer[] {
  if (list === undefined) return [];
  if (typeof list !== 'object' || list === null || !(Symbol.iterator in list)) {
    throw new TypeError('transfer is a list');
  }
  const items = [...(list as Iterable<unknown>)];
  if (new Set(items).size < items.length) {
    throw new DOMException('an object is in the transfer list twice', 'DataCloneError');
  }
  return items.filter((item): item is ArrayBuffer => {
    if (item instanceof ArrayBuffer && !item.detached) return true;
    if (isPort(item)) return false;
    throw new DOMException('an object in the transfer list cannot be transferred', 'DataCloneError');
  });
}

export function structuredClone(value: unknown, options?: { transfer?: unknown }): unknown {
  needArguments(arguments.length, 1, 'structuredClone');
  const { transfer } = toDictionary(options, 'structuredClone');
  return cloneOf(
    value,
    toTransfer(transfer, () => false),
  );
}
