import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { temporaryFolder } from '../../../auth/test/test-issuer.js';
import { commonSettings } from './common-settings.js';
import { configMarkdown, describeConfig } from './describe-config.js';
import { ConfigFault, type Environment, loadConfig } from './load-config.js';
import { setting, value } from './settings.js';

const settings = {
  port: setting({ env: 'APP_PORT', type: value.int({ max: 65_535 }), default: '7070', description: 'Port.' }),
  mode: setting({
    env: 'APP_MODE',
    type: value.oneOf('folder', 's3'),
    default: 'folder',
    description: 'Store.',
  }),
  key: setting({
    env: 'APP_KEY',
    type: value.text({ min: 8 }),
    optional: true,
    secret: true,
    description: 'Key.',
  }),
  url: setting({ env: 'APP_URL', type: value.url(), description: 'Address.' }),
  list: setting({
    env: 'APP_LIST',
    type: value.json(z.array(z.string())),
    default: '[]',
    description: 'A|B.',
  }),
  flag: setting({ env: 'APP_FLAG', type: value.flag(), default: 'false', description: 'Flag.' }),
};

function faultsOf(env: Environment): readonly string[] {
  try {
    loadConfig(settings, env);
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults;
  }
  throw new Error('no fault was found');
}

test('gives typed values and defaults', () => {
  const config = loadConfig(settings, {
    APP_URL: 'https://a.example/',
    APP_FLAG: '1',
    APP_MODE: '',
    APP_LIST: '["x"]',
  });
  expect(config).toEqual({
    port: 7070,
    mode: 'folder',
    key: undefined,
    url: 'https://a.example',
    list: ['x'],
    flag: true,
  });
});

test('tells every fault at once and none of the values', () => {
  const values = {
    APP_PORT: '70707',
    APP_MODE: 'tape',
    APP_KEY: 'hunter2',
    APP_LIST: '[1]',
    APP_FLAG: 'maybe',
  };
  const faults = faultsOf(values);
  expect(faults).toEqual([
    'APP_PORT must be a whole number from 0 to 65535',
    'APP_MODE must be one of folder, s3',
    'APP_KEY must have at least 8 characters',
    'APP_URL must be set',
    expect.stringMatching(/^APP_LIST at \/0 /),
    'APP_FLAG must be true or false',
  ]);
  for (const text of ['70707', 'tape', 'hunter2', 'maybe']) expect(faults.join()).not.toContain(text);
});

test.each(['1e3', '-1', ' 1', '0x10', '1.5', '99999999999999999999'])('%j is no port', (text) => {
  expect(faultsOf({ APP_URL: 'http://a', APP_PORT: text })).toEqual([
    'APP_PORT must be a whole number from 0 to 65535',
  ]);
});

test('reads a secret from a file, and from nowhere else as well', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'key');
  await writeFile(file, 'a-long-secret\n');
  expect(loadConfig(settings, { APP_URL: 'http://a', APP_KEY_FILE: file }).key).toBe('a-long-secret');
  expect(faultsOf({ APP_URL: 'http://a', APP_KEY_FILE: file, APP_KEY: 'another-secret' })).toEqual([
    'APP_KEY and APP_KEY_FILE are both set',
  ]);
  expect(faultsOf({ APP_URL: 'http://a', APP_KEY_FILE: `${file}.gone` })).toEqual([
    'APP_KEY_FILE names a file that cannot be read',
  ]);
  expect(loadConfig(settings, { APP_URL: 'http://a', APP_MODE_FILE: file }).mode).toBe('folder');
});

test('describes every setting for the reference', () => {
  expect(describeConfig(settings).map(({ env, default: text }) => [env, text])).toEqual([
    ['APP_PORT', '7070'],
    ['APP_MODE', 'folder'],
    ['APP_KEY', 'none'],
    ['APP_URL', ''],
    ['APP_LIST', '[]'],
    ['APP_FLAG', 'false'],
  ]);
  const markdown = configMarkdown(settings);
  expect(markdown).toContain('| `APP_URL` | must be set | Address. |');
  expect(markdown).toContain('Also as a file: `APP_KEY_FILE`.');
  expect(markdown).toContain('A\\|B.');
});

test('the common settings alone make a working configuration', () => {
  const config = loadConfig(commonSettings({ app: 'ENGINE', port: 7080 }), {});
  expect(config).toMatchObject({ host: '127.0.0.1', port: 7080, audience: undefined, corsOrigins: [] });
  expect(config.issuers.map(({ issuer }) => issuer)).toEqual(['http://127.0.0.1:7090']);
});

test.each([
  ['PROXYLET_AUTH_ISSUERS', '[]', 'at least one issuer'],
  ['PROXYLET_AUTH_ISSUERS', '{"issuer"', 'must be JSON'],
  ['PROXYLET_AUTH_ISSUERS', '[{"issuer":"http://idm.example"}]', 'at /0/issuer'],
  ['PROXYLET_AUTH_ISSUERS', '[{"issuer":"https://a.example","algs":["EdDSA"]}]', 'EdDSA is not supported'],
  ['PROXYLET_ENGINE_CORS_ORIGINS', '["https://app.example/"]', 'must be an origin'],
  ['PROXYLET_ENGINE_CORS_ORIGINS', '["*"]', 'must be an origin'],
  ['PROXYLET_ENGINE_CORS_ORIGINS', '["null"]', 'must be an origin'],
  ['PROXYLET_ENGINE_ALLOWED_HOSTS', '["a.example:80"]', 'without port'],
])('%s=%s is refused', (name, text, sentence) => {
  const load = () => loadConfig(commonSettings({ app: 'ENGINE', port: 7080 }), { [name]: text });
  expect(load).toThrow(sentence);
});
