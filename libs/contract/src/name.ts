import { Problem } from './problem.js';

/** One part of a name: lower-case ASCII words joined by single hyphens, at most 64 characters (DESIGN §5). */
export const namePartPattern = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
export const namePartMaxLength = 64;

/** `namespace/name`, of a proxylet or of a service; always both parts. */
export interface QualifiedName {
  readonly namespace: string;
  readonly name: string;
}

export function isNamePart(value: string): boolean {
  return value.length <= namePartMaxLength && namePartPattern.test(value);
}

export function isName(value: string): boolean {
  const parts = value.split('/');
  return parts.length === 2 && parts.every(isNamePart);
}

/** @throws Problem `invalid-name` */
export function parseName(value: string): QualifiedName {
  const [namespace, name, ...rest] = value.split('/');
  if (namespace === undefined || name === undefined || rest.length > 0) {
    throw new Problem('invalid-name', `${quote(value)} is not of the form namespace/name.`);
  }
  assertNamePart(namespace, 'namespace');
  assertNamePart(name, 'name');
  return { namespace, name };
}

/** @throws Problem `invalid-name` */
export function assertNamePart(value: string, what: string): void {
  if (isNamePart(value)) return;
  throw new Problem(
    'invalid-name',
    `The ${what} ${quote(value)} may hold lower-case letters a-z, digits and single hyphens between them, at most ${namePartMaxLength} characters.`,
  );
}

export function formatName({ namespace, name }: QualifiedName): string {
  return `${namespace}/${name}`;
}

/** Makes caller text fit to stand in a sentence: bounded, control characters visible. */
export function quote(value: string): string {
  const shown = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  return JSON.stringify(shown);
}
