import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../../scripts/lib/paths.mjs';

const exec = promisify(execFile);

/** Debian 13's source of Node: its `test/fixtures/wpt` is a dated copy of web-platform-tests (BSD-3-Clause). */
const archive = {
  url: 'http://deb.debian.org/debian/pool/main/n/nodejs/nodejs_20.19.2%2bdfsg.orig.tar.xz',
  sha256: '5e5559381ad031d245a8efa403458abbb73755f74c3e6380f185a4dd342b7949',
  folder: 'node-v20.19.2/test/fixtures/wpt',
};

// oxlint-disable-next-line node/no-process-env -- a tool's own setting, as of the servers for tests
const home = join(process.env.PROXYLET_STATE_DIR || join(root, 'var'), 'wpt');

/** Where the files are; named by the archive's digest, so that another archive is another folder. */
export const wptFolder = join(home, archive.sha256.slice(0, 16));

export function hasWpt() {
  return existsSync(wptFolder);
}

/**
 * Downloads and unpacks the files once; the folder gets its name only when complete.
 *
 * @throws Error where apt's download helper or tar is missing, or the archive is not the pinned one
 */
export async function ensureWpt() {
  if (hasWpt()) return;
  mkdirSync(home, { recursive: true });
  const file = join(home, `node-${process.pid}.tar.xz`);
  const partial = join(home, `partial-${process.pid}`);
  process.stderr.write('downloading web-platform-tests from Debian (20 MB)\n');
  try {
    await download(file);
    mkdirSync(partial, { recursive: true });
    const depth = archive.folder.split('/').length;
    await exec('tar', ['-xf', file, '-C', partial, `--strip-components=${depth}`, archive.folder]);
    if (!hasWpt()) renameSync(partial, wptFolder);
  } finally {
    rmSync(file, { force: true });
    rmSync(partial, { recursive: true, force: true });
  }
}

/** By apt's own helper, so that its proxies and mirrors hold; checked here as well. */
async function download(file) {
  const helper = '/usr/lib/apt/apt-helper';
  const options = ['-o', 'APT::Sandbox::User=root', '-o', 'Acquire::Retries=3'];
  await exec(helper, [...options, 'download-file', archive.url, file, `SHA256:${archive.sha256}`], {
    timeout: 300_000,
  });
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  if (digest !== archive.sha256)
    throw new Error(`the archive of web-platform-tests is another one: ${digest}`);
}
