import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { run } from './command.mjs';
import { cannotWrite, makeFolder, withSetupLock } from './lock.mjs';
import { npm } from './npm.mjs';
import { toolFolder } from './paths.mjs';
import { exitCodes, say, Stop } from './report.mjs';

const wanted = '>=24.15.0 <25';

/** Node 24 from 24.15 on, and 26: what the prebuilt native modules are made for. */
export function isSupported(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return (major === 24 && minor >= 15) || major === 26;
}

/**
 * Gives the rest to a supported Node when this one is not: brings one from the npm registry if need be, starts this
 * script again with it and ends with its exit code. Returns only when this Node will do.
 */
export async function ensureNode(script, args) {
  if (isSupported(process.version)) return;
  const node = brought() ?? (await withSetupLock(async () => brought() ?? (await bring())));
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` };
  const { code } = await run(node, [script, ...args], { env, cwd: process.cwd(), output: 'inherit' });
  process.exit(code);
}

/** The runtime that an earlier run brought; undefined when there is none that runs. */
function brought() {
  return binaryIn(join(toolFolder, runtimeName()));
}

function runtimeName() {
  return `node24-${process.platform}-${process.arch}`;
}

async function bring() {
  say(
    `Node ${process.version} is not supported here: bringing Node 24 from the npm registry into ${toolFolder}.`,
  );
  const target = join(toolFolder, runtimeName());
  makeFolder(toolFolder);
  const temporary = makeTemporary();
  try {
    await installInto(temporary);
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return binaryIn(target);
}

function makeTemporary() {
  try {
    return mkdtempSync(join(toolFolder, 'tmp-'));
  } catch (error) {
    throw cannotWrite(toolFolder, error);
  }
}

/** Packages of the platform come first: they hold the binary itself and need no install script. */
async function installInto(folder) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const candidates = [`node-${platform}-${process.arch}`, `node-bin-${platform}-${process.arch}`];
  let failure;
  for (const name of candidates) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
    try {
      await npm(['install', '--prefix', folder, '--no-save', '--no-package-lock', `${name}@${wanted}`], {
        cwd: folder,
        purpose: 'bring Node 24',
      });
      if (binaryIn(folder) !== undefined) return;
    } catch (error) {
      failure ??= error;
      if (!/E404|ETARGET/.test(error.message)) throw error;
    }
    rmSync(folder, { recursive: true, force: true });
  }
  throw (
    failure ??
    new Stop(
      exitCodes.internal,
      `No Node 24 for ${process.platform}-${process.arch} runs here: install Node 24.15 or newer yourself.`,
    )
  );
}

function binaryIn(folder) {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const executable = process.platform === 'win32' ? 'node.exe' : 'node';
  for (const prefix of ['node', 'node-bin']) {
    const path = join(folder, 'node_modules', `${prefix}-${platform}-${process.arch}`, 'bin', executable);
    if (existsSync(path) && runs(path)) return path;
  }
  return undefined;
}

function runs(path) {
  try {
    return isSupported(
      execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
    );
  } catch {
    return false;
  }
}
