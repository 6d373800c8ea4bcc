import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/**
 * Downloads Debian packages, with what of their dependencies this machine lacks, and unpacks them into `folder`:
 * nothing is installed, so it needs no root. Once, as the folder gets its name only when complete.
 *
 * @throws Error where apt-get is missing, knows no such packages or cannot download them
 */
export async function unpackPackages(folder, wanted) {
  if (existsSync(folder)) return;
  const debs = `${folder}.debs`;
  const partial = `${folder}.partial`;
  for (const path of [debs, partial]) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
  }
  const names = await packageNames(wanted);
  process.stderr.write(`downloading and unpacking ${names.length} Debian packages for ${wanted[0]}\n`);
  await exec('apt-get', ['-q', 'download', ...names], { cwd: debs, maxBuffer: 1e8, timeout: 600_000 });
  await exec('sh', ['-c', 'for deb in "$1"/*.deb; do dpkg-deb -x "$deb" "$2"; done', 'sh', debs, partial]);
  rmSync(debs, { recursive: true });
  renameSync(partial, folder);
}

async function packageNames(wanted) {
  const simulate = ['install', '-s', '--no-install-recommends', ...wanted];
  try {
    const { stdout } = await exec('apt-get', simulate, { maxBuffer: 1e8 });
    return [...stdout.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
  } catch (error) {
    const reason = String(error.stderr ?? error.message)
      .trim()
      .split('\n')
      .at(-1);
    throw new Error(`apt-get has no package ${wanted[0]}; run apt-get update first: ${reason}`, {
      cause: error,
    });
  }
}
