import { isDeepStrictEqual } from 'node:util';
import { type Manifest, pointerOf, Problem, type ProblemFault } from '@proxylet/contract';

/** Settings of an installation, as given by its user. */
export type Settings = Readonly<Record<string, unknown>>;

/** The settings a guest gets as `env.CONFIG`: those given, and the manifest's defaults for the rest. */
export function mergedSettings(manifest: Manifest, given: Settings | undefined): Settings {
  return { ...defaultsOf(asSchema(manifest.config)), ...given };
}

/**
 * Checks given settings, together with the defaults, against the manifest's JSON Schema. Without given settings
 * nothing is demanded: the proxylet starts with its defaults.
 *
 * Keywords checked: type, enum, const, properties, required, additionalProperties (false), items, minimum, maximum,
 * minLength, maxLength, minItems, maxItems. `pattern` and `format` are not: the schema comes from the publisher, and
 * a regular expression of his must not run in the engine's process.
 *
 * @throws Problem `invalid-request` with a pointer below `/body/config` for each fault
 */
export function assertSettings(manifest: Manifest, given: Settings | undefined): void {
  if (given === undefined) return;
  if (manifest.config === undefined && Object.keys(given).length > 0) {
    throw refusal([{ pointer: '/body/config', detail: `${manifest.name} takes no settings` }]);
  }
  const errors: ProblemFault[] = [];
  check(asSchema(manifest.config), mergedSettings(manifest, given), ['body', 'config'], errors, 0);
  if (errors.length > 0) throw refusal(errors.slice(0, maxFaults));
}

/** Deeper parts of a schema are not followed: neither schema nor value may cost without bound. */
const maxDepth = 20;
const maxFaults = 50;

interface Schema {
  readonly [keyword: string]: unknown;
}

function check(
  schema: Schema,
  value: unknown,
  path: PropertyKey[],
  errors: ProblemFault[],
  depth: number,
): void {
  if (depth > maxDepth || errors.length >= maxFaults) return;
  const fault = faultOf(schema, value);
  if (fault !== undefined) errors.push({ pointer: pointerOf(path), detail: fault });
  else if (Array.isArray(value)) checkItems(schema, value, path, errors, depth);
  else if (isObject(value)) checkMembers(schema, value, path, errors, depth);
}

function faultOf(schema: Schema, value: unknown): string | undefined {
  const { enum: allowed, const: fixed } = schema;
  const types = [schema['type']].flat().filter((name) => typeof name === 'string');
  if (types.length > 0 && !types.some((name) => isOfType(value, name))) {
    return `must be ${types.join(' or ')}`;
  }
  if (Array.isArray(allowed) && !allowed.some((one) => isDeepStrictEqual(one, value))) {
    return `must be one of ${JSON.stringify(allowed).slice(0, 200)}`;
  }
  if (fixed !== undefined && !isDeepStrictEqual(fixed, value)) {
    return `must be ${JSON.stringify(fixed).slice(0, 200)}`;
  }
  if (typeof value === 'number') return rangeFault(value, schema, 'minimum', 'maximum', '');
  if (typeof value === 'string') {
    return rangeFault(Array.from(value).length, schema, 'minLength', 'maxLength', ' characters');
  }
  return Array.isArray(value)
    ? rangeFault(value.length, schema, 'minItems', 'maxItems', ' items')
    : undefined;
}

function rangeFault(
  value: number,
  schema: Schema,
  low: string,
  high: string,
  unit: string,
): string | undefined {
  const { [low]: min, [high]: max } = schema;
  if (typeof min === 'number' && value < min) return `must be at least ${min}${unit}`;
  if (typeof max === 'number' && value > max) return `must be at most ${max}${unit}`;
  return undefined;
}

function checkItems(
  schema: Schema,
  value: readonly unknown[],
  path: PropertyKey[],
  errors: ProblemFault[],
  depth: number,
): void {
  const { items } = schema;
  if (!isObject(items)) return;
  for (const [index, item] of value.entries()) check(items, item, [...path, index], errors, depth + 1);
}

function checkMembers(
  schema: Schema,
  value: Settings,
  path: PropertyKey[],
  errors: ProblemFault[],
  depth: number,
): void {
  const { required, additionalProperties } = schema;
  const properties = asSchema(schema['properties']);
  for (const name of Array.isArray(required) ? required : []) {
    if (!Object.hasOwn(value, String(name))) {
      errors.push({ pointer: pointerOf([...path, String(name)]), detail: 'is missing' });
    }
  }
  for (const [name, member] of Object.entries(value)) {
    const at = [...path, name];
    if (Object.hasOwn(properties, name)) check(asSchema(properties[name]), member, at, errors, depth + 1);
    else if (additionalProperties === false) {
      errors.push({ pointer: pointerOf(at), detail: 'is not a setting of this proxylet' });
    }
  }
}

function defaultsOf(schema: Schema): Record<string, unknown> {
  const defaults = Object.entries(asSchema(schema['properties'])).flatMap(([name, member]) =>
    isObject(member) && Object.hasOwn(member, 'default') ? [[name, member['default']] as const] : [],
  );
  return Object.fromEntries(defaults);
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === type;
    default:
      return true;
  }
}

function isObject(value: unknown): value is Settings {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asSchema(value: unknown): Schema {
  return isObject(value) ? value : {};
}

function refusal(errors: readonly ProblemFault[]): Problem {
  const [first] = errors;
  return new Problem(
    'invalid-request',
    `The settings do not fit: ${first?.pointer ?? ''} ${first?.detail ?? ''}.`,
    { errors },
  );
}
