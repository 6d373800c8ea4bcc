/** Reads a thrown value without trusting it: any of its getters may throw, loop or lie. */
export function describeError(thrown: unknown, maxMessage: number, maxStack: number): ErrorDescription {
  if (thrown === null || (typeof thrown !== 'object' && typeof thrown !== 'function')) {
    return { name: 'Error', message: cap(safeString(thrown), maxMessage), stack: '' };
  }
  return {
    name: cap(property(thrown, 'name') || 'Error', 100),
    message: cap(property(thrown, 'message'), maxMessage),
    stack: cap(property(thrown, 'stack'), maxStack),
  };
}

export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

export function cap(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}…`;
}

function property(from: object, key: 'name' | 'message' | 'stack'): string {
  try {
    const value: unknown = Reflect.get(from, key);
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}

export function safeString(value: unknown): string {
  try {
    return String(value);
  } catch {
    return '(a value that cannot be shown)';
  }
}
