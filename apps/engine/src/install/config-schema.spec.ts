import { type Manifest, parseManifest, Problem } from '@proxylet/contract';
import { expect, test } from 'vitest';
import { assertSettings, mergedSettings } from './config-schema.js';

function manifest(config?: Record<string, unknown>): Manifest {
  return parseManifest({
    name: 'acme/thumb',
    version: '1.0.0',
    runtime: { type: 'isolate', version: '^1' },
    ...(config === undefined ? {} : { config }),
  });
}

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['broker'],
  properties: {
    broker: { type: 'string', maxLength: 20, pattern: '^(a+)+$' },
    seconds: { type: 'integer', minimum: 0, maximum: 10, default: 5 },
    mode: { enum: ['fast', 'slow'] },
    tags: { type: 'array', maxItems: 2, items: { type: 'string', minLength: 1 } },
    nested: { type: ['object', 'null'], required: ['x'], properties: { x: { type: 'boolean' } } },
  },
};

function faults(given: Record<string, unknown>): string[] {
  try {
    assertSettings(manifest(schema), given);
    return [];
  } catch (error) {
    return ((error as Problem).errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`);
  }
}

test('fills in defaults and demands nothing where nothing is given', () => {
  expect(mergedSettings(manifest(schema), undefined)).toEqual({ seconds: 5 });
  expect(() => assertSettings(manifest(schema), undefined)).not.toThrow();
});

test('takes settings that fit, over the defaults', () => {
  const given = { broker: 'http://b', seconds: 7, mode: 'fast', tags: ['x'], nested: { x: true, y: 1 } };
  expect(faults(given)).toEqual([]);
  expect(mergedSettings(manifest(schema), given)).toEqual(given);
  expect(faults({ broker: 'b', nested: null })).toEqual([]);
});

test('names each fault by a pointer', () => {
  expect(faults({ seconds: 1.5, mode: 'x', tags: ['', 1, 2], nested: { x: 1 }, 'un/known': 1 })).toEqual([
    '/body/config/broker is missing',
    '/body/config/seconds must be integer',
    '/body/config/mode must be one of ["fast","slow"]',
    '/body/config/tags must be at most 2 items',
    '/body/config/nested/x must be boolean',
    '/body/config/un~1known is not a setting of this proxylet',
  ]);
  expect(faults({ broker: 'b', tags: [''] })).toEqual(['/body/config/tags/0 must be at least 1 characters']);
  expect(faults({ broker: 'x'.repeat(21), seconds: 11, nested: {} })).toEqual([
    '/body/config/seconds must be at most 10',
    '/body/config/broker must be at most 20 characters',
    '/body/config/nested/x is missing',
  ]);
});

test('regular-expression: the publisher cannot make the engine evaluate one', () => {
  expect(faults({ broker: 'aaaaaaaaaaaaaaaaaaa!' })).toEqual([]);
});

test('refuses settings where the proxylet takes none', () => {
  expect(() => assertSettings(manifest(), { a: 1 })).toThrow('takes no settings');
  expect(() => assertSettings(manifest(), {})).not.toThrow();
});

test('bomb: a schema and a value without end cost little', () => {
  const deep: Record<string, unknown> = {};
  let at = deep;
  let value: Record<string, unknown> = {};
  const root = value;
  for (let i = 0; i < 200; i += 1) {
    const next = {};
    at['properties'] = { a: next };
    at = next;
    const child: Record<string, unknown> = {};
    value['a'] = child;
    value = child;
  }
  expect(() => assertSettings(manifest(deep), root)).not.toThrow();
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 1]));
  expect(faults(many)).toHaveLength(50);
});
