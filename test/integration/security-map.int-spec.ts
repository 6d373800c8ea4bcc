import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { inWorkspace } from '@proxylet/testing';
import { expect, it } from 'vitest';

const named = /`((?:apps|libs|test|scripts|docs)\/[\w./-]+)`/g;

it('SECURITY.md names a test for every threat, and only such as there are', async () => {
  const text = await readFile(inWorkspace('SECURITY.md'), 'utf8');
  const rows = text.split('\n').filter((line) => /^\| \d+ \|/.test(line));
  expect(rows.map((row) => Number(row.split('|')[1]))).toEqual(Array.from({ length: 44 }, (_, i) => i + 1));
  const withoutTest = rows.filter((row) => !/`[^`]+spec\.ts`/.test(row.split('|')[4] ?? ''));
  expect(withoutTest).toEqual([]);
  const missing = [...text.matchAll(named)]
    .map(([, path = '']) => path)
    .filter((path) => !existsSync(inWorkspace(path)));
  expect(missing).toEqual([]);
});

it('the security checklist names files that there are', async () => {
  const text = await readFile(inWorkspace('docs/security-checklist.md'), 'utf8');
  const paths = [...text.matchAll(named)].map(([, path = '']) => path);
  expect(paths.length).toBeGreaterThan(50);
  expect(paths.filter((path) => !existsSync(inWorkspace(path)))).toEqual([]);
});
